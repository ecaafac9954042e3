// The editor of a camera's lines, zones, masks and ignored regions: the tools, the list, the picture, saving.

import { element } from "./dom.js";
import { Drawing } from "./drawing.js";
import { drawLine, drawZone, shape as draw } from "./marks.js";
import { countDown, explainCover, followPicture } from "./picture.js";
import { Stage } from "./stage.js";

const LINE = [[0.5, 0.25], [0.5, 0.75]];
const SQUARE = [[0.35, 0.3], [0.65, 0.3], [0.65, 0.7], [0.35, 0.7]];
const POLYGON = { start: SQUARE, least: 3, grows: "ring", draw: (group, { kind, name }, points) => drawZone(group, name, points, 1, kind) };
const KINDS = {
  mask: { words: gettext("Privacy mask"), first: "mask", layer: 0, ...POLYGON },
  ignored: { words: gettext("Region to ignore"), first: "region", layer: 1, ...POLYGON },
  zone: { words: gettext("Zone"), first: "zone", layer: 2, marked: gettext("People wait in line here"), ...POLYGON },
  line: {
    words: gettext("Line"), first: "line", layer: 3, marked: gettext("It is inside the store, no entrance"),
    start: LINE, least: 2, grows: "",
    draw(group, { name }, points) {
      drawLine(group, name, ...points, 1);
      draw(group, "path", { d: `M${points[0].join(" ")}L${points[1].join(" ")}`, class: "grip" });
    },
  },
};

const editor = document.querySelector("[data-editor]");
const find = (name) => editor.querySelector(`[data-${name}]`);
const [list, problem, saved, save] = ["list", "problem", "saved", "save"].map(find);
const [undo, redo, show, hide, message, left] = ["undo", "redo", "show", "hide", "message", "left"].map(find);
const canvas = editor.querySelector("canvas");
const drawing = new Drawing(JSON.parse(editor.dataset.shapes), KINDS);
const stage = new Stage(editor.querySelector("svg"), drawing, { selected: refresh, changed: refresh });
let { version } = editor.dataset;
let picture = null;

async function post(address, fields) {
  const body = new URLSearchParams({ csrf: editor.dataset.csrf, ...fields });
  const answer = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" } });
  if (answer.status === 401) {
    throw new Error(gettext("Your session is over. Please log in again in another tab, and then save once more."));
  }
  const said = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
  return { ok: answer.ok, ...said };
}

// The list

function row(shape, index) {
  const chosen = index === stage.selected;
  const head = element(
    "button",
    { type: "button", className: "button pick", "aria-expanded": String(chosen), onclick: () => choose(chosen ? -1 : index) },
    element("span", { className: `swatch of-${shape.kind}` }),
    element("span", { className: "called" }, shape.name || "without a name"),
    element("span", { className: "small muted" }, KINDS[shape.kind].words),
  );
  return element("li", { className: "shape" }, head, ...(chosen ? [details(shape, index)] : []));
}

function details(shape, index) {
  const name = element("input", {
    id: "shape-name", value: shape.name, maxLength: 60, autocomplete: "off", spellcheck: false,
    oninput() {
      shape.name = name.value;
      list.querySelector("[aria-expanded='true'] .called").textContent = shape.name || "without a name";
      shown = stateOfList();
      stage.draw();
    },
    onchange() {
      drawing.keep();
      refresh();
    },
  });
  const parts = [
    element("div", { className: "field" }, element("label", { htmlFor: "shape-name" }, gettext("Name")), name),
  ];
  if (KINDS[shape.kind].marked) {
    const box = element("input", {
      type: "checkbox", checked: shape.marked,
      onchange() {
        shape.marked = box.checked;
        shown = stateOfList();
        drawing.keep();
        refresh();
      },
    });
    parts.push(element("label", { className: "choice" }, box, element("span", {}, KINDS[shape.kind].marked)));
  }
  const actions = element("div", { className: "actions" });
  if (shape.kind === "line") {
    actions.append(element("button", { type: "button", className: "button", onclick: () => turn(index) }, gettext("Turn around")));
  }
  actions.append(element("button", { type: "button", className: "button", onclick: () => remove(index) }, gettext("Remove")));
  return element("div", { className: "shape-details" }, ...parts, actions);
}

function choose(index) {
  stage.select(index);
  refresh();
  list.querySelectorAll(".pick")[index]?.focus();
}

function turn(index) {
  drawing.turn(index);
  stage.draw();
  refresh();
}

function remove(index) {
  drawing.remove(index);
  stage.select(-1);
  refresh();
  find("add").focus();
}

// The list is made anew only when it differs, so that a field keeps its focus while something is typed, and a button is
// still there when it is let go.
let shown = "";

function stateOfList() {
  return JSON.stringify([drawing.shapes.map(({ kind, name, marked }) => [kind, name, marked]), stage.selected]);
}

function refresh() {
  const state = stateOfList();
  if (state !== shown) {
    shown = state;
    const within = list.contains(document.activeElement) ? focusedPlace() : null;
    list.replaceChildren(...drawing.shapes.map(row));
    if (within) {
      (list.querySelectorAll("button, input")[within] ?? find("add")).focus();
    }
    find("none").hidden = drawing.shapes.length > 0;
  }
  undo.disabled = !drawing.past.length;
  redo.disabled = !drawing.future.length;
  save.disabled = !drawing.changed;
  if (drawing.changed) {
    saved.textContent = "";
  }
}

function focusedPlace() {
  return [...list.querySelectorAll("button, input")].indexOf(document.activeElement);
}

for (const button of editor.querySelectorAll("[data-add]")) {
  button.addEventListener("click", () => {
    stage.select(drawing.add(button.dataset.add), true);
    refresh();
    stage.focusPoint(0);
  });
}

function back(step) {
  step.call(drawing);
  stage.select(stage.selected < drawing.shapes.length ? stage.selected : -1);
  refresh();
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

// Saving

function complain(text, index = -1) {
  problem.hidden = !text;
  problem.textContent = text;
  if (text && index >= 0) {
    stage.select(index);
    refresh();
    const name = list.querySelector("#shape-name");
    name?.setAttribute("aria-invalid", "true");
    name?.focus();
  }
}

save.addEventListener("click", async () => {
  complain("");
  save.setAttribute("aria-busy", "true");
  const sent = JSON.stringify(drawing.shapes);
  try {
    const answer = await post(editor.dataset.save, { version, shapes: sent });
    if (answer.ok) {
      version = answer.version;
      drawing.saved = sent;
      saved.textContent = gettext("Saved. It counts by this drawing from now on.");
    } else {
      complain(answer.problem ?? gettext("It could not be saved. Please try again."), answer.index);
    }
  } catch (error) {
    complain(error instanceof TypeError ? gettext("The connection to the appliance is lost. Please try again.") : error.message);
  }
  save.removeAttribute("aria-busy");
  refresh();
});

window.addEventListener("beforeunload", (event) => {
  if (drawing.changed) {
    event.preventDefault();
  }
});

// The picture

const NO_PICTURE = message.textContent;

function say(text) {
  message.textContent = text;
  message.hidden = !text;
}

function leave(text) {
  picture?.stop();
  picture?.stopCounting();
  picture = null;
  show.hidden = false;
  hide.hidden = true;
  explainCover(find("covered"), null);
  say(text);
}

function tellClosed() {
  if (picture) {
    const fields = new URLSearchParams({ csrf: editor.dataset.csrf, view: picture.view });
    navigator.sendBeacon(editor.dataset.close, fields);
  }
}

show.addEventListener("click", async () => {
  try {
    const answer = await post(editor.dataset.picture, {});
    if (!answer.ok) {
      say(answer.problem ?? gettext("The picture can't be shown at the moment."));
      return;
    }
    say(gettext("Waiting for the first picture. You can draw meanwhile."));
    show.hidden = true;
    hide.hidden = false;
    const stop = followPicture(canvas, answer.frame, answer.seconds, {
      shown(reason) {
        say("");
        explainCover(find("covered"), reason);
      },
      waiting: (text) => say(`${text} ${gettext("You can draw meanwhile.")}`),
      ended: leave,
      left: () => leave(gettext("Your session is over.")),
    });
    picture = { view: answer.view, stop, stopCounting: countDown(left, answer.seconds) };
  } catch {
    say(gettext("The connection to the appliance is lost. Please try again."));
  }
});

hide.addEventListener("click", () => {
  tellClosed();
  leave(NO_PICTURE);
});
window.addEventListener("pagehide", tellClosed);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload(); // from the browser's memory of pages: the view has been closed
  }
});

refresh();
