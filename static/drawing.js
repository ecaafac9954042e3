// A drawing of shapes with undo and redo. Points are [x, y], 0..1 of what is drawn on.
//
// `kinds` says of each kind of shape: `first`, how the first of them is called; `start`, where a new one stands, to be
// moved or drawn over then; `least`, how many points it has at least. `grid` is [x, y], the steps that points keep to.

const DIGITS = 4;
const ASIDE = [0, 0.06, -0.06, 0.12, -0.12];

function inside(value, step = 0) {
  const kept = Math.min(1, Math.max(0, step ? Math.round(value / step) * step : value));
  return Number(kept.toFixed(DIGITS));
}

export class Drawing {
  constructor(shapes, kinds, grid = [0, 0]) {
    this.shapes = shapes;
    this.kinds = kinds;
    this.grid = grid;
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

  at(x, y) {
    return [inside(x, this.grid[0]), inside(y, this.grid[1])];
  }

  // With a `name` it is called so, whatever others are called.
  add(kind, called = "") {
    const { first, start } = this.kinds[kind];
    const names = new Set(this.shapes.filter((each) => each.kind === kind).map((each) => each.name));
    let number = 1;
    while (names.has(`${first}-${number}`)) {
      number += 1;
    }
    // Beside the one before, so that none hides another.
    const aside = ASIDE[this.shapes.length % ASIDE.length];
    const points = start.map(([x, y]) => this.at(x + aside, y + aside / 2));
    this.shapes.push({ kind, name: called || `${first}-${number}`, points, marked: false });
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
    this.shapes[index].points[point] = this.at(x, y);
  }

  // Moves the whole shape, as far as it stays within the picture.
  moveShape(index, from, x, y) {
    const [xs, ys] = [from.map((point) => point[0]), from.map((point) => point[1])];
    const right = Math.min(1 - Math.max(...xs), Math.max(-Math.min(...xs), x));
    const down = Math.min(1 - Math.max(...ys), Math.max(-Math.min(...ys), y));
    // By whole steps, so that what did not keep to them keeps its form.
    const [stepX, stepY] = [right, down].map((value, axis) => (this.grid[axis] ? Math.round(value / this.grid[axis]) * this.grid[axis] : value));
    this.shapes[index].points = from.map((point) => [inside(point[0] + stepX), inside(point[1] + stepY)]);
  }

  // Draws the shape anew from one corner to the other: a point at the end, a line between them, or a rectangle.
  span(index, [x1, y1], [x2, y2]) {
    const [left, right, top, bottom] = [Math.min(x1, x2), Math.max(x1, x2), Math.min(y1, y2), Math.max(y1, y2)];
    const corners = {
      1: [[x2, y2]],
      2: [[x1, y1], [x2, y2]],
      4: [[left, top], [right, top], [right, bottom], [left, bottom]],
    };
    const { start } = this.kinds[this.shapes[index].kind];
    this.shapes[index].points = corners[start.length].map(([x, y]) => this.at(x, y));
  }

  // A new point in the middle of the edge that begins at `point`. Returns its number.
  insert(index, point) {
    const { points } = this.shapes[index];
    const [from, to] = [points[point], points[(point + 1) % points.length]];
    points.splice(point + 1, 0, this.at((from[0] + to[0]) / 2, (from[1] + to[1]) / 2));
    return point + 1;
  }

  removePoint(index, point) {
    const { kind, points } = this.shapes[index];
    if (points.length > this.kinds[kind].least) {
      points.splice(point, 1);
      this.keep();
    }
  }
}
