// The editor of the floor plan: walls, areas, names, the cameras' floors, a file to begin with, saving.

import { element } from "./dom.js";
import { Drawing } from "./drawing.js";
import { label, shape as draw } from "./marks.js";
import { readDrawing } from "./plan_import.js";
import { Stage } from "./stage.js";

const SQUARE = [[0.35, 0.35], [0.65, 0.35], [0.65, 0.65], [0.35, 0.65]];
const CORNERS = [gettext("left back"), gettext("right back"), gettext("right front"), gettext("left front")];
const path = (points) => `M${points.map((point) => point.join(" ")).join("L")}`;

function middle(points) {
  return [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
}

const KINDS = {
  area: {
    words: gettext("Shelf or counter"), first: "area", start: SQUARE, least: 3, grows: "ring", layer: 0, called: gettext("Name, if it needs one"),
    draw(group, { name }, points) {
      draw(group, "path", { d: `${path(points)}Z`, class: "plan-area" });
      label(group, name, ...middle(points), 15);
    },
  },
  wall: {
    words: gettext("Wall"), first: "wall", start: [[0.2, 0.2], [0.8, 0.2]], least: 2, grows: "chain", layer: 1,
    draw(group, _wall, points) {
      draw(group, "path", { d: path(points), class: "plan-wall" });
      draw(group, "path", { d: path(points), class: "grip" });
    },
  },
  label: {
    words: gettext("Name"), first: "name", start: [[0.5, 0.5]], least: 1, grows: "", layer: 2, called: gettext("Name"),
    draw(group, { name }, [[x, y]]) {
      label(group, name, x, y + 5, 15);
      draw(group, "circle", { cx: x, cy: y, r: 18, class: "reach" });
    },
  },
  camera: {
    words: gettext("Floor of a camera"), first: "camera", start: SQUARE, least: 4, grows: "", layer: 3,
    draw(group, { name }, points) {
      draw(group, "path", { d: `${path(points)}Z`, class: "plan-camera" });
      const [back, front] = [middle(points.slice(0, 2)), middle(points.slice(2))];
      draw(group, "path", { d: path([front, back]), class: "plan-sight" });
      label(group, name, ...middle(points), 15);
      points.forEach(([x, y], index) => label(group, CORNERS[index], x, y + (index < 2 ? -14 : 26), 12));
    },
  },
};
const STEPS_ACROSS = 100;

const editor = document.querySelector("[data-plan]");
const find = (name) => editor.querySelector(`[data-${name}]`);
const [list, places, problem, saved, save, undo, redo] = ["list", "places", "problem", "saved", "save-button", "undo", "redo"].map(find);
const [proportion, file, beneath, board] = ["proportion", "file", "beneath", "board"].map(find);
const canvas = board.querySelector("canvas");
const most = JSON.parse(editor.dataset.most);
const cameras = JSON.parse(editor.dataset.cameras);
const kept = JSON.parse(editor.dataset.plan);
let { version } = editor.dataset;

const drawing = new Drawing([
  ...kept.shapes.map(({ kind, points, text }) => ({ kind, points, name: text, marked: false })),
  ...kept.cameras.map(({ camera, corners, top }) => ({ kind: "camera", points: corners, name: camera, top, marked: false })),
], KINDS);
let savedProportion = kept.proportion;
const stage = new Stage(board.querySelector("svg"), drawing, { selected: refresh, changed: refresh });

function stretch(value) {
  const chosen = Math.min(4, Math.max(0.25, Number(value) || 1.5));
  proportion.value = String(Number(chosen.toFixed(2)));
  board.style.setProperty("aspect-ratio", String(chosen));
  drawing.grid = [1 / STEPS_ACROSS / Math.max(1, chosen), chosen / STEPS_ACROSS / Math.max(1, chosen)];
  stage.draw();
}

// The list

function row(shape, index) {
  const chosen = index === stage.selected;
  const head = element(
    "button",
    { type: "button", className: "button pick", "aria-expanded": String(chosen), onclick: () => choose(chosen ? -1 : index) },
    element("span", { className: `swatch of-${shape.kind}`, "aria-hidden": "true" }, shape.kind === "label" ? "A" : ""),
    element("span", { className: "called" }, shape.kind === "wall" ? KINDS.wall.words : shape.name || KINDS[shape.kind].words),
    element("span", { className: "small muted" }, shape.kind === "wall" ? "" : KINDS[shape.kind].words),
  );
  return element("li", { className: "shape" }, head, ...(chosen ? [details(shape, index)] : []));
}

function field(id, words, input) {
  input.id = id;
  return element("div", { className: "field" }, element("label", { htmlFor: id }, words), input);
}

function details(shape, index) {
  const parts = [];
  if (KINDS[shape.kind].called) {
    const name = element("input", {
      value: shape.name, maxLength: 40, autocomplete: "off", spellcheck: false,
      oninput() {
        shape.name = name.value;
        list.querySelector("[aria-expanded='true'] .called").textContent = shape.name || KINDS[shape.kind].words;
        shown = stateOfList();
        stage.draw();
      },
      onchange: keep,
    });
    parts.push(field("shape-name", KINDS[shape.kind].called, name));
  }
  if (shape.kind === "camera") {
    const top = element("input", {
      type: "number", min: 0, max: 90, step: 1, value: Math.round(100 * (shape.top ?? 0)), inputMode: "numeric",
      onchange() {
        shape.top = Math.min(90, Math.max(0, Number(top.value) || 0)) / 100;
        shown = stateOfList();
        keep();
      },
    });
    parts.push(field("shape-top", gettext("The floor begins so far down the picture, in per cent"), top));
  }
  const removing = element("button", { type: "button", className: "button", onclick: () => remove(index) }, gettext("Remove"));
  return element("div", { className: "shape-details" }, ...parts, element("div", { className: "actions" }, removing));
}

function keep() {
  drawing.keep();
  refresh();
}

function choose(index) {
  stage.select(index);
  refresh();
  list.querySelectorAll(".pick")[index]?.focus();
}

function remove(index) {
  drawing.remove(index);
  stage.select(-1);
  refresh();
  find("add").focus();
}

function add(kind, name = "") {
  const index = drawing.add(kind, name);
  if (kind === "area") {
    drawing.shapes[index].name = "";
    drawing.kept = JSON.stringify(drawing.shapes);
  }
  stage.select(index, true);
  refresh();
  stage.focusPoint(0);
}

// The list is made anew only when it differs, so that a field keeps its focus while something is typed, and a button is
// still there when it is let go.
let shown = "";

function stateOfList() {
  return JSON.stringify([drawing.shapes.map(({ kind, name, top }) => [kind, name, top]), stage.selected]);
}

function refresh() {
  const state = stateOfList();
  if (state !== shown) {
    shown = state;
    const inputs = () => [...list.querySelectorAll("button, input")];
    const within = list.contains(document.activeElement) ? inputs().indexOf(document.activeElement) : -1;
    list.replaceChildren(...drawing.shapes.map(row));
    if (within >= 0) {
      (inputs()[within] ?? find("add")).focus();
    }
    const placed = new Set(drawing.shapes.filter(({ kind }) => kind === "camera").map(({ name }) => name));
    places.replaceChildren(...cameras.filter((name) => !placed.has(name)).map((name) => element("li", {}, element(
      "button", { type: "button", className: "button", onclick: () => add("camera", name) }, gettext("Place {camera}", { camera: name }),
    ))));
    find("none").hidden = drawing.shapes.length > 0;
  }
  undo.disabled = !drawing.past.length;
  redo.disabled = !drawing.future.length;
  const changed = drawing.changed || Number(proportion.value) !== Number(savedProportion.toFixed(2));
  save.disabled = !changed;
  if (changed) {
    saved.textContent = "";
  }
}

function back(step) {
  step.call(drawing);
  stage.select(stage.selected < drawing.shapes.length ? stage.selected : -1);
  refresh();
}

for (const button of editor.querySelectorAll("[data-add]")) {
  button.addEventListener("click", () => add(button.dataset.add));
}
undo.addEventListener("click", () => back(drawing.undo));
redo.addEventListener("click", () => back(drawing.redo));
document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.target.type !== "text" && (key === "z" || key === "y")) {
    event.preventDefault();
    back(key === "y" || event.shiftKey ? drawing.redo : drawing.undo);
  }
});
proportion.addEventListener("change", () => {
  stretch(proportion.value);
  refresh();
});

// A file to begin with

function complain(text) {
  problem.hidden = !text;
  problem.textContent = text;
}

async function lay(picture) {
  const bitmap = await createImageBitmap(picture);
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  canvas.hidden = false;
  beneath.hidden = false;
  stretch(bitmap.width / bitmap.height);
  bitmap.close();
}

file.addEventListener("change", async () => {
  const [chosen] = file.files;
  file.value = "";
  complain("");
  if (!chosen) {
    return;
  }
  try {
    if (chosen.type === "image/png" || chosen.type === "image/jpeg") {
      await lay(chosen);
    } else {
      const room = { shapes: most.shapes - drawing.shapes.length, points: most.points - drawing.shapes.reduce((sum, { points }) => sum + points.length, 0) };
      const found = await readDrawing(chosen, room);
      drawing.shapes.push(...found.shapes);
      drawing.keep();
      stretch(found.proportion);
      stage.select(-1);
    }
  } catch (error) {
    complain(error instanceof DOMException ? gettext("This picture can't be read.") : error.message);
  }
  refresh();
});
find("take-away").addEventListener("click", () => {
  canvas.hidden = true;
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  beneath.hidden = true;
  file.focus();
});

// Saving

save.addEventListener("click", async () => {
  complain("");
  const sent = JSON.stringify(drawing.shapes);
  const chosen = Number(proportion.value);
  const plan = {
    shapes: drawing.shapes.filter(({ kind }) => kind !== "camera").map(({ kind, points, name }) => (
      { kind, points, text: kind === "wall" ? "" : name })),
    cameras: drawing.shapes.filter(({ kind }) => kind === "camera").map(({ name, points, top }) => ({ camera: name, corners: points, top: top ?? 0 })),
    proportion: chosen,
  };
  const body = new FormData();
  body.append("csrf", editor.dataset.csrf);
  body.append("version", version);
  body.append("plan", JSON.stringify(plan));
  save.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(editor.dataset.save, { method: "POST", body, headers: { Accept: "application/json" } });
    const said = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
    if (answer.ok) {
      ({ version } = said);
      drawing.saved = sent;
      savedProportion = chosen;
      saved.textContent = gettext("Saved. The heat map lies over this plan from now on.");
    } else {
      complain(said.problem ?? (answer.status === 401
        ? gettext("Your session is over. Please log in again in another tab, and then save once more.")
        : gettext("It could not be saved. Please try again.")));
    }
  } catch {
    complain(gettext("The connection to the appliance is lost. Please try again."));
  }
  save.removeAttribute("aria-busy");
  refresh();
});

window.addEventListener("beforeunload", (event) => {
  if (drawing.changed) {
    event.preventDefault();
  }
});

find("no-cameras").hidden = cameras.length > 0;
stretch(kept.proportion);
refresh();
