// The stage: the drawing over the picture, moved by mouse, touch and keyboard. One unit of its SVG is one pixel.

import { shape } from "./marks.js";

const STEP = 0.005;
const LARGE_STEP = 0.05;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
// A finger needs 44 pixels; what is seen is smaller.
const TOUCH_RADIUS = 22;
const SEEN_RADIUS = 8;
const LEAST_DRAG = 6;
// The chosen shape lies above all layers.
const TOP = 100;
function percent(value) {
  return `${Math.round(value * 100)}%`;
}

// Besides what a drawing needs, its kinds say: `words`, what it is called; `layer`, what lies below comes first; `draw`,
// which is given a group of SVG, the shape and its points in pixels; and `grows`, whether points may be added: to a
// "ring", to a "chain", or "" for not at all.
//
// `told.selected(index)` is called when another shape is chosen here, and `told.changed()` when one was changed.
export class Stage {
  constructor(svg, drawing, told) {
    this.svg = svg;
    this.drawing = drawing;
    this.told = told;
    this.selected = -1;
    // The shape that was just added: dragging over the empty picture draws it.
    this.fresh = -1;
    this.drag = null;
    svg.addEventListener("pointerdown", (event) => this.press(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", () => this.release());
    svg.addEventListener("pointercancel", () => this.release());
    svg.addEventListener("keydown", (event) => this.type(event));
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  select(index, fresh = false) {
    this.selected = index;
    this.fresh = fresh ? index : -1;
    this.draw();
  }

  kind(index) {
    return this.drawing.kinds[this.drawing.shapes[index].kind];
  }

  focusPoint(point) {
    this.svg.querySelector(`[data-point="${point}"]`)?.focus({ preventScroll: true });
  }

  draw() {
    const { width, height } = this.svg.getBoundingClientRect();
    const focused = this.svg.contains(document.activeElement) ? document.activeElement.dataset : null;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.classList.toggle("drawing", this.fresh >= 0);
    this.svg.replaceChildren();
    const place = ([x, y]) => [x * width, y * height];
    const order = (index) => this.kind(index).layer + (index === this.selected ? TOP : 0);
    [...this.drawing.shapes.keys()].sort((a, b) => order(a) - order(b)).forEach((index) => {
      const each = this.drawing.shapes[index];
      const group = shape(this.svg, "g", { class: index === this.selected ? "chosen" : "", "data-shape": index });
      const points = each.points.map(place);
      this.kind(index).draw(group, each, points);
    });
    if (this.drawing.shapes[this.selected]) {
      this.drawHandles(this.drawing.shapes[this.selected], place);
    }
    if (focused?.point !== undefined) {
      this.focusPoint(focused.point);
    }
  }

  drawHandles(chosen, place) {
    const { kind, name, points } = chosen;
    const { grows, words: called } = this.drawing.kinds[kind];
    if (grows) {
      points.slice(0, grows === "ring" ? points.length : -1).forEach((point, number) => {
        const after = points[(number + 1) % points.length];
        const [cx, cy] = place([(point[0] + after[0]) / 2, (point[1] + after[1]) / 2]);
        const words = gettext("New point after point {number}", { number: number + 1 });
        const attributes = { class: "between", "data-between": number, tabindex: 0, role: "button", "aria-label": words };
        const handle = shape(this.svg, "g", attributes);
        shape(handle, "circle", { cx, cy, r: TOUCH_RADIUS / 1.5, class: "reach" });
        shape(handle, "circle", { cx, cy, r: SEEN_RADIUS / 1.6, class: "seen" });
      });
    }
    points.forEach((point, number) => {
      const [cx, cy] = place(point);
      const words = gettext("{kind} {name}, point {number} of {points}, {left} from the left, {top} from the top", {
        kind: called,
        name,
        number: number + 1,
        points: points.length,
        left: percent(point[0]),
        top: percent(point[1]),
      });
      const attributes = { class: "handle", "data-point": number, tabindex: 0, role: "button", "aria-label": words };
      const handle = shape(this.svg, "g", attributes);
      shape(handle, "circle", { cx, cy, r: TOUCH_RADIUS, class: "reach" });
      shape(handle, "circle", { cx, cy, r: SEEN_RADIUS, class: "seen" });
    });
  }

  at(event) {
    const { left, top, width, height } = this.svg.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  }

  press(event) {
    if (event.button !== 0 || this.drag) {
      return;
    }
    const start = this.at(event);
    const handle = event.target.closest("[data-point]");
    const between = event.target.closest("[data-between]");
    const body = event.target.closest("[data-shape]");
    if (handle) {
      this.drag = { point: Number(handle.dataset.point) };
    } else if (between) {
      this.drag = { point: this.drawing.insert(this.selected, Number(between.dataset.between)) };
    } else if (this.fresh >= 0) {
      this.drag = { span: true };
      if (this.kind(this.selected).start.length === 1) {
        this.drawing.span(this.selected, start, start); // a single point needs no dragging
      }
    } else if (body) {
      this.choose(Number(body.dataset.shape));
      this.drag = { whole: this.drawing.shapes[this.selected].points };
    } else {
      this.choose(-1);
      return; // a finger on the empty picture scrolls the page
    }
    this.drag.start = start;
    this.drag.pixels = [event.clientX, event.clientY];
    this.drag.moved = Boolean(between);
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    this.draw();
    if (this.drag.point !== undefined) {
      this.focusPoint(this.drag.point);
    }
  }

  choose(index) {
    if (index !== this.selected) {
      this.select(index);
      this.told.selected(index);
    }
  }

  move(event) {
    if (!this.drag) {
      return;
    }
    const { start, pixels, point, whole } = this.drag;
    this.drag.moved ||= Math.hypot(event.clientX - pixels[0], event.clientY - pixels[1]) >= LEAST_DRAG;
    if (!this.drag.moved) {
      return;
    }
    const [x, y] = this.at(event);
    if (point !== undefined) {
      this.drawing.movePoint(this.selected, point, x, y);
    } else if (whole) {
      this.drawing.moveShape(this.selected, whole, x - start[0], y - start[1]);
    } else {
      this.drawing.span(this.selected, start, [x, y]);
    }
    this.draw();
  }

  release() {
    if (this.drag) {
      const { moved } = this.drag;
      this.drag = null;
      this.fresh = moved ? -1 : this.fresh;
      this.drawing.keep();
      this.draw();
      this.told.changed();
    }
  }

  type(event) {
    const target = event.target.closest("[data-point], [data-between]");
    if (!target || this.drag) {
      return;
    }
    const { point, between } = target.dataset;
    if (between !== undefined) {
      if (event.key === "Enter" || event.key === " ") {
        const made = this.drawing.insert(this.selected, Number(between));
        this.drawing.keep();
        this.finish(event, made);
      }
      return;
    }
    const number = Number(point);
    if (ARROWS[event.key]) {
      const step = event.shiftKey ? LARGE_STEP : Math.max(STEP, ...this.drawing.grid);
      const [x, y] = this.drawing.shapes[this.selected].points[number];
      const [right, down] = ARROWS[event.key];
      this.drawing.movePoint(this.selected, number, x + right * step, y + down * step);
      this.drawing.keep(`${this.selected}.${number}`);
      this.fresh = -1;
      this.finish(event, number);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.drawing.removePoint(this.selected, number);
      this.finish(event, Math.max(0, number - 1));
    }
  }

  finish(event, point) {
    event.preventDefault();
    this.draw();
    this.focusPoint(point);
    this.told.changed();
  }
}
