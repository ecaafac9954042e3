// A drawing in a file becomes points, here in the browser: nothing of the file is sent. Of an SVG only the outlines of
// plain shapes and the words are taken; scripts, styles, pictures, links and colours are never looked at.

const SVG = "http://www.w3.org/2000/svg";
// Attributes that describe a form and can do nothing else.
const FORMS = {
  path: ["d"],
  line: ["x1", "y1", "x2", "y2"],
  polyline: ["points"],
  polygon: ["points"],
  rect: ["x", "y", "width", "height"],
  circle: ["cx", "cy", "r"],
  ellipse: ["cx", "cy", "rx", "ry"],
};
// What stands in these is not drawn where it stands.
const UNSEEN = "defs, symbol, clipPath, mask, pattern, marker, metadata, linearGradient, radialGradient, filter";
const LARGEST_BYTES = 5e6;
const SAMPLES = 400;
const TOLERANCES = [0.002, 0.004, 0.008, 0.016, 0.032];
const MARGIN = 0.03;
const LONGEST_TEXT = 40;

// The parts of a drawing, {kind, name, points} with points 0..1 of it, and its proportion: width over height. Throws an
// Error with a sentence for people.
export async function readDrawing(file, most) {
  if (file.size > LARGEST_BYTES) {
    throw new Error(gettext("The file is too large; 5 MB are the most."));
  }
  const source = new DOMParser().parseFromString(await file.text(), "image/svg+xml");
  if (source.querySelector("parsererror") || source.documentElement.namespaceURI !== SVG) {
    throw new Error(gettext("This is no SVG drawing that can be read."));
  }
  // Lengths and transformations are only known of what is on the page.
  const bench = document.createElementNS(SVG, "svg");
  bench.setAttribute("class", "bench");
  bench.setAttribute("aria-hidden", "true");
  document.body.append(bench);
  try {
    return fit(outlines(source, bench), most);
  } finally {
    bench.remove();
  }
}

function transformOf(element) {
  const found = [];
  for (let each = element; each?.getAttribute; each = each.parentElement) {
    found.unshift(each.getAttribute("transform") ?? "");
  }
  return found.join(" ");
}

// Every shape as chains of points in the drawing's own units, and every text as one point.
function outlines(source, bench) {
  const parts = [];
  for (const element of source.querySelectorAll(`${Object.keys(FORMS).join(", ")}, text`)) {
    if (element.closest(UNSEEN)) {
      continue;
    }
    const name = element.localName;
    const clone = document.createElementNS(SVG, name === "text" ? "line" : name);
    for (const attribute of FORMS[name] ?? []) {
      if (element.hasAttribute(attribute)) {
        clone.setAttribute(attribute, element.getAttribute(attribute));
      }
    }
    clone.setAttribute("transform", transformOf(element));
    bench.append(clone);
    const matrix = clone.transform.baseVal.consolidate()?.matrix ?? bench.createSVGMatrix();
    const place = ({ x, y }) => [matrix.a * x + matrix.c * y + matrix.e, matrix.b * x + matrix.d * y + matrix.f];
    if (name === "text") {
      const words = element.textContent.replace(/\s+/g, " ").trim().slice(0, LONGEST_TEXT);
      const spot = element.querySelector("tspan[x]") ?? element;
      const [x, y] = ["x", "y"].map((axis) => Number.parseFloat(spot.getAttribute(axis)) || 0);
      if (words) {
        parts.push({ kind: "label", name: words, points: [place({ x, y })] });
      }
    } else {
      parts.push(...chains(clone, name).map(({ points, closed }) => (
        { kind: closed ? "area" : "wall", name: "", points: points.map(place) })));
    }
  }
  return parts.filter(({ points }) => points.every((point) => point.every(Number.isFinite)));
}

// The chains of a shape's points. A path is walked along; where it leaps, another chain begins.
function chains(element, name) {
  const number = (attribute) => element[attribute].baseVal.value;
  if (name === "line") {
    return [{ points: [{ x: number("x1"), y: number("y1") }, { x: number("x2"), y: number("y2") }], closed: false }];
  }
  if (name === "rect") {
    const [x, y, right, lower] = [number("x"), number("y"), number("x") + number("width"), number("y") + number("height")];
    return [{ points: [{ x, y }, { x: right, y }, { x: right, y: lower }, { x, y: lower }], closed: true }];
  }
  if (name === "polyline" || name === "polygon") {
    const points = [...element.points].map(({ x, y }) => ({ x, y }));
    return points.length > 1 ? [{ points, closed: name === "polygon" && points.length > 2 }] : [];
  }
  const length = element.getTotalLength();
  if (!(length > 0)) {
    return [];
  }
  const step = length / SAMPLES;
  const found = [[]];
  for (let sample = 0; sample <= SAMPLES; sample += 1) {
    const point = element.getPointAtLength(sample * step);
    const before = found.at(-1).at(-1);
    if (before && Math.hypot(point.x - before.x, point.y - before.y) > 1.5 * step) {
      found.push([]);
    }
    found.at(-1).push({ x: point.x, y: point.y });
  }
  return found.filter((points) => points.length > 1).map((points) => {
    const [first, last] = [points[0], points.at(-1)];
    const closed = points.length > 3 && Math.hypot(first.x - last.x, first.y - last.y) <= 1.5 * step;
    return { points: closed ? points.slice(0, -1) : points, closed };
  });
}

// Everything within 0..1, simple enough to be kept: the coarsest lines that are needed, the largest parts that fit.
function fit(parts, most) {
  const all = parts.flatMap(({ points }) => points);
  if (!all.length) {
    throw new Error(gettext("There is no line and no shape in this drawing."));
  }
  const [xs, ys] = [0, 1].map((axis) => all.map((point) => point[axis]));
  const range = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const [[left, right], [top, bottom]] = [range(xs), range(ys)];
  const size = Math.max(right - left, bottom - top) || 1;
  const [width, height] = [Math.max(right - left, size / 4), Math.max(bottom - top, size / 4)];
  const into = (value, from, length) => MARGIN + (1 - 2 * MARGIN) * ((value - from) / length);
  const extent = ({ points }) => {
    const [[x1, x2], [y1, y2]] = [0, 1].map((axis) => range(points.map((point) => point[axis])));
    return x2 - x1 + y2 - y1;
  };
  const largest = parts.map((part) => ({ part, extent: part.kind === "label" ? size : extent(part) }))
    .sort((first, second) => second.extent - first.extent).slice(0, most.shapes).map(({ part }) => part);
  for (const tolerance of TOLERANCES) {
    const simple = largest.map((part) => ({ ...part, points: simplify(part.points, tolerance * size, part.kind) }));
    if (simple.reduce((sum, { points }) => sum + points.length, 0) <= most.points) {
      const shapes = simple.map((part) => ({
        ...part,
        marked: false,
        points: part.points.map(([x, y]) => [into(x, left, width), into(y, top, height)].map((value) => Number(value.toFixed(4)))),
      }));
      return { shapes, proportion: Number((width / height).toFixed(2)) };
    }
  }
  throw new Error(gettext("This drawing has too many details; please use a simpler one, or draw over a picture of it."));
}

// Fewer points, none farther than `tolerance` from the line (Ramer, 1972; Douglas and Peucker, 1973).
function simplify(points, tolerance, kind) {
  if (points.length < 3) {
    return points;
  }
  if (kind === "area") {
    // A ring is cut in two where it is farthest from its beginning.
    const far = points.reduce((best, point, index) => (apart(point, points[0]) > apart(points[best], points[0]) ? index : best), 0);
    const ring = [...cut(points.slice(0, far + 1), tolerance).slice(0, -1), ...cut([...points.slice(far), points[0]], tolerance).slice(0, -1)];
    return ring.length > 2 ? ring : points.slice(0, 3);
  }
  return cut(points, tolerance);
}

function cut(points, tolerance) {
  if (points.length < 3) {
    return points;
  }
  const [first, last] = [points[0], points.at(-1)];
  let [farthest, distance] = [0, 0];
  points.forEach((point, index) => {
    const away = fromLine(point, first, last);
    if (away > distance) {
      [farthest, distance] = [index, away];
    }
  });
  if (distance <= tolerance) {
    return [first, last];
  }
  return [...cut(points.slice(0, farthest + 1), tolerance).slice(0, -1), ...cut(points.slice(farthest), tolerance)];
}

function apart([x1, y1], [x2, y2]) {
  return Math.hypot(x2 - x1, y2 - y1);
}

function fromLine(point, first, last) {
  const length = apart(first, last);
  if (length === 0) {
    return apart(point, first);
  }
  return Math.abs((last[0] - first[0]) * (first[1] - point[1]) - (first[0] - point[0]) * (last[1] - first[1])) / length;
}
