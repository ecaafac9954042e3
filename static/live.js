// The live view: asks for one redacted picture after another and draws the camera's lines and zones over it.
"use strict";

(() => {
  const stage = document.querySelector("[data-live]");
  if (!stage) {
    return;
  }
  const SVG = "http://www.w3.org/2000/svg";
  const canvas = stage.querySelector("canvas");
  const marks = stage.querySelector("svg");
  const message = stage.querySelector(".message");
  const covered = document.querySelector("[data-covered]");
  const left = document.querySelector("[data-left]");
  const lines = JSON.parse(stage.dataset.lines);
  const zones = JSON.parse(stage.dataset.zones);
  const closing = new FormData(document.querySelector("[data-close]"));
  const ends = performance.now() + Number(stage.dataset.seconds) * 1000;
  const STALE_MILLISECONDS = 5000;
  const PAUSE_MILLISECONDS = 400;
  let number = 0;
  let shown = performance.now();
  let over = false;

  function say(text) {
    message.textContent = text;
    message.hidden = !text;
  }

  function end(text) {
    over = true;
    // The last picture goes too: nothing stays on a screen that nobody asked for.
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    marks.replaceChildren();
    message.textContent = `${text} `;
    const again = document.createElement("a");
    again.href = stage.dataset.again;
    again.className = "button primary";
    again.textContent = "Open it again";
    const row = document.createElement("p");
    row.append(again);
    message.append(row);
    message.hidden = false;
    left.textContent = "";
  }

  function pause(milliseconds) {
    return new Promise((resolve) => { window.setTimeout(resolve, milliseconds); });
  }

  async function draw(blob) {
    const picture = await createImageBitmap(blob);
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      canvas.width = picture.width;
      canvas.height = picture.height;
      drawMarks();
    }
    canvas.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
    shown = performance.now();
  }

  function explainCover(reason) {
    covered.hidden = reason === null;
    const text = reason === null ? "" : `The whole picture is covered. ${decodeURIComponent(reason)}`;
    if (covered.textContent !== text) {
      covered.textContent = text; // only when it changes, since it is read aloud
    }
  }

  async function next() {
    const answer = await fetch(`${stage.dataset.frame}&after=${number}`, { cache: "no-store" });
    if (answer.status === 401 || answer.redirected) {
      window.location.assign(stage.dataset.again);
      return;
    }
    if (answer.status === 410) {
      end("This view has ended.");
      return;
    }
    if (answer.status === 200) {
      number = Number(answer.headers.get("X-Picture"));
      await draw(await answer.blob());
      say("");
      explainCover(answer.headers.get("X-Covered"));
      return;
    }
    if (performance.now() - shown > STALE_MILLISECONDS) {
      say("No picture is coming from this camera at the moment. Trying again.");
    }
    await pause(PAUSE_MILLISECONDS);
  }

  async function loop() {
    while (!over) {
      if (performance.now() >= ends) {
        end("Ten minutes are over. If you still need to look, say why once more.");
        return;
      }
      if (document.hidden) {
        await pause(PAUSE_MILLISECONDS);
        continue;
      }
      try {
        await next();
      } catch {
        say("The connection to the appliance is lost. Trying again.");
        await pause(2000);
      }
    }
  }

  // Lines and zones; coordinates 0..1 of the picture become pixels of the picture.

  function shape(name, attributes, parent = marks) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) {
      element.setAttribute(key, value);
    }
    parent.append(element);
    return element;
  }

  function label(text, x, y, size, anchor = "middle") {
    shape("text", { x, y, "font-size": size, "stroke-width": size / 4, "text-anchor": anchor }).textContent = text;
  }

  function drawLine(line, width, height, scale) {
    const [x1, y1, x2, y2] = [line.x1 * width, line.y1 * height, line.x2 * width, line.y2 * height];
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
    shape("path", { d: path, class: "line under" });
    shape("path", { d: path, class: "line" });
    label("in", tipX + inX * 14 * scale, tipY + inY * 14 * scale + 5 * scale, 14 * scale);
    const [topX, topY] = y1 < y2 ? [x1, y1] : [x2, y2];
    label(line.name, topX, Math.max(topY - 10 * scale, 18 * scale), 15 * scale);
  }

  function drawZone(zone, width, height, scale) {
    const points = zone.points.map(([x, y]) => [x * width, y * height]);
    shape("polygon", { points: points.map((point) => point.join(",")).join(" "), class: "zone-shape" });
    const x = points.reduce((sum, point) => sum + point[0], 0) / points.length;
    const y = points.reduce((sum, point) => sum + point[1], 0) / points.length;
    label(zone.name, x, y, 15 * scale);
  }

  function drawMarks() {
    const { width, height } = canvas;
    const scale = width / (canvas.clientWidth || width);
    marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
    marks.replaceChildren();
    zones.forEach((zone) => drawZone(zone, width, height, scale));
    lines.forEach((line) => drawLine(line, width, height, scale));
  }

  new ResizeObserver(() => {
    if (!over && number) {
      drawMarks();
    }
  }).observe(canvas);

  function countDown() {
    if (over) {
      return;
    }
    const seconds = Math.max(0, Math.round((ends - performance.now()) / 1000));
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} left`;
    window.setTimeout(countDown, 1000);
  }

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

  countDown();
  loop();
})();
