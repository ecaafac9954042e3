// The live view: redacted pictures with the camera's lines and zones drawn over them.

import { drawLine, drawZone } from "./marks.js";
import { countDown, explainCover, followPicture } from "./picture.js";

const stage = document.querySelector("[data-live]");
const canvas = stage.querySelector("canvas");
const marks = stage.querySelector("svg");
const message = stage.querySelector(".message");
const covered = document.querySelector("[data-covered]");
const lines = JSON.parse(stage.dataset.lines);
const zones = JSON.parse(stage.dataset.zones);
const seconds = Number(stage.dataset.seconds);
const closing = new FormData(document.querySelector("[data-close]"));
const stopCounting = countDown(document.querySelector("[data-left]"), seconds);
let over = false;
let drawn = "";

function say(text) {
  message.textContent = text;
  message.hidden = !text;
}

function end(text) {
  over = true;
  marks.replaceChildren();
  message.textContent = `${text} `;
  const again = document.createElement("a");
  again.href = stage.dataset.again;
  again.className = "button primary";
  again.textContent = gettext("Open it again");
  const row = document.createElement("p");
  row.append(again);
  message.append(row);
  message.hidden = false;
  stopCounting();
}

function drawMarks() {
  const { width, height } = canvas;
  const scale = width / (canvas.clientWidth || width);
  const size = `${width} ${height} ${scale}`;
  if (size === drawn) {
    return;
  }
  drawn = size;
  marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
  marks.replaceChildren();
  // Coordinates 0..1 of the picture become pixels of the picture.
  const place = ([x, y]) => [x * width, y * height];
  zones.forEach((zone) => drawZone(marks, zone.name, zone.points.map(place), scale));
  lines.forEach((line) => drawLine(marks, line.name, place([line.x1, line.y1]), place([line.x2, line.y2]), scale));
}

followPicture(canvas, stage.dataset.frame, seconds, {
  shown(reason) {
    drawMarks();
    say("");
    explainCover(covered, reason);
  },
  waiting: say,
  ended: end,
  left() {
    window.location.assign(stage.dataset.again);
  },
});

new ResizeObserver(() => {
  if (!over && drawn) {
    drawMarks();
  }
}).observe(canvas);

// Leaving the page closes the view at once; a browser that just dies is noticed by the appliance.
window.addEventListener("pagehide", () => {
  if (!over) {
    over = true;
    navigator.sendBeacon(stage.dataset.closeAddress, closing);
  }
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload(); // from the browser's memory of pages: the view has been closed
  }
});
