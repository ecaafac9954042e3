// Lines and zones as they are drawn over a picture, in SVG.

const SVG = "http://www.w3.org/2000/svg";

export function shape(parent, name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  parent.append(element);
  return element;
}

export function label(parent, text, x, y, size, anchor = "middle") {
  const attributes = { x, y, "font-size": size, "stroke-width": size / 4, "text-anchor": anchor };
  shape(parent, "text", attributes).textContent = text;
}

// `start` and `end` are [x, y] in the SVG's own units; `scale` is how many of them one pixel of the screen has.
export function drawLine(parent, name, start, end, scale) {
  const [[x1, y1], [x2, y2]] = [start, end];
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  // Towards "in": where (x2-x1)(y-y1) - (y2-y1)(x-x1) grows.
  const [inX, inY] = [-(y2 - y1) / length, (x2 - x1) / length];
  const [middleX, middleY] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const [tipX, tipY] = [middleX + inX * 34 * scale, middleY + inY * 34 * scale];
  const head = 8 * scale;
  const side = [-inY * head, inX * head];
  const [baseX, baseY] = [tipX - inX * head * 1.4, tipY - inY * head * 1.4];
  const path = `M${x1} ${y1}L${x2} ${y2}M${middleX} ${middleY}L${tipX} ${tipY}`
    + `M${baseX + side[0]} ${baseY + side[1]}L${tipX} ${tipY}L${baseX - side[0]} ${baseY - side[1]}`;
  shape(parent, "path", { d: path, class: "line under" });
  shape(parent, "path", { d: path, class: "line" });
  label(parent, "in", tipX + inX * 14 * scale, tipY + inY * 14 * scale + 5 * scale, 14 * scale);
  const [topX, topY] = y1 < y2 ? [x1, y1] : [x2, y2];
  label(parent, name, topX, Math.max(topY - 10 * scale, 18 * scale), 15 * scale);
}

export function drawZone(parent, name, points, scale, kind = "zone") {
  const corners = points.map((point) => point.join(",")).join(" ");
  shape(parent, "polygon", { points: corners, class: `zone-shape ${kind}` });
  const x = points.reduce((sum, point) => sum + point[0], 0) / points.length;
  const y = points.reduce((sum, point) => sum + point[1], 0) / points.length;
  label(parent, name, x, y, 15 * scale);
}
