// A drawing: lines, zones, masks and ignored regions, with undo and redo. Points are [x, y], 0..1 of the picture.

const DIGITS = 4;
// A new shape stands in the middle, and is then moved or drawn over.
const LINE = [[0.5, 0.25], [0.5, 0.75]];
const SQUARE = [[0.35, 0.3], [0.65, 0.3], [0.65, 0.7], [0.35, 0.7]];
const ASIDE = [0, 0.06, -0.06, 0.12, -0.12];
const FIRST_NAMES = { line: "line", zone: "zone", mask: "mask", ignored: "region" };

function inside(value) {
  return Number(Math.min(1, Math.max(0, value)).toFixed(DIGITS));
}

export function least(kind) {
  return kind === "line" ? 2 : 3;
}

export class Drawing {
  constructor(shapes) {
    this.shapes = shapes;
    this.past = [];
    this.future = [];
    this.kept = JSON.stringify(shapes);
    this.saved = this.kept;
    this.tag = "";
  }

  // Ends a change: from here one step of undo leads back. Changes with the same tag, one after the other, are one step.
  keep(tag = "") {
    const now = JSON.stringify(this.shapes);
    if (now === this.kept) {
      return;
    }
    if (!tag || tag !== this.tag) {
      this.past.push(this.kept);
    }
    this.tag = tag;
    this.future = [];
    this.kept = now;
  }

  undo() {
    this.step(this.past, this.future);
  }

  redo() {
    this.step(this.future, this.past);
  }

  step(from, to) {
    if (from.length) {
      to.push(this.kept);
      this.kept = from.pop();
      this.shapes = JSON.parse(this.kept);
      this.tag = "";
    }
  }

  get changed() {
    return JSON.stringify(this.shapes) !== this.saved;
  }

  add(kind) {
    const names = new Set(this.shapes.filter((each) => each.kind === kind).map((each) => each.name));
    let number = 1;
    while (names.has(`${FIRST_NAMES[kind]}-${number}`)) {
      number += 1;
    }
    // Beside the one before, so that none hides another.
    const aside = ASIDE[this.shapes.length % ASIDE.length];
    const points = (kind === "line" ? LINE : SQUARE).map(([x, y]) => [inside(x + aside), inside(y + aside / 2)]);
    this.shapes.push({ kind, name: `${FIRST_NAMES[kind]}-${number}`, points, marked: false });
    this.keep();
    return this.shapes.length - 1;
  }

  remove(index) {
    this.shapes.splice(index, 1);
    this.keep();
  }

  turn(index) {
    this.shapes[index].points.reverse();
    this.keep();
  }

  movePoint(index, point, x, y) {
    this.shapes[index].points[point] = [inside(x), inside(y)];
  }

  // Moves the whole shape, as far as it stays within the picture.
  moveShape(index, from, x, y) {
    const [xs, ys] = [from.map((point) => point[0]), from.map((point) => point[1])];
    const right = Math.min(1 - Math.max(...xs), Math.max(-Math.min(...xs), x));
    const down = Math.min(1 - Math.max(...ys), Math.max(-Math.min(...ys), y));
    this.shapes[index].points = from.map((point) => [inside(point[0] + right), inside(point[1] + down)]);
  }

  // Draws the shape anew from one corner to the other: a line between them, or a rectangle.
  span(index, [x1, y1], [x2, y2]) {
    const corners = this.shapes[index].kind === "line"
      ? [[x1, y1], [x2, y2]]
      : [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
    this.shapes[index].points = corners.map(([x, y]) => [inside(x), inside(y)]);
  }

  // A new point in the middle of the edge that begins at `point`. Returns its number.
  insert(index, point) {
    const { points } = this.shapes[index];
    const [from, to] = [points[point], points[(point + 1) % points.length]];
    points.splice(point + 1, 0, [inside((from[0] + to[0]) / 2), inside((from[1] + to[1]) / 2)]);
    return point + 1;
  }

  removePoint(index, point) {
    const { kind, points } = this.shapes[index];
    if (points.length > least(kind)) {
      points.splice(point, 1);
      this.keep();
    }
  }
}
