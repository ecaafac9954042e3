// Keeps the numbers of a page fresh by server-sent events: every element with data-value shows the value of that name.
"use strict";

(() => {
  const RETRY_MILLISECONDS = 5000;
  // The appliance sends something every few seconds; a line that is silent for so long is dead.
  const SILENT_MILLISECONDS = 20000;
  const area = document.querySelector("[data-numbers]");
  if (!area) {
    return;
  }
  const pill = document.querySelector("[data-tone]");
  const lostText = area.dataset.lost || gettext("No connection, trying again");
  let source = null;
  let heard = 0;
  let retrying = 0;

  function show(answer) {
    if (answer.structure !== area.dataset.structure) {
      // A camera, line or zone was added or removed, or a new day has begun: the page itself changes. A live view
      // would be closed by that, so its numbers wait until it is opened again.
      if (!document.querySelector("[data-live]")) {
        window.location.reload();
      }
      return;
    }
    for (const element of document.querySelectorAll("[data-value]")) {
      const text = answer.values[element.dataset.value];
      if (text !== undefined && element.textContent !== text) {
        element.textContent = text;
      }
    }
    for (const element of document.querySelectorAll("[data-shown-with]")) {
      element.hidden = !answer.values[element.dataset.shownWith];
    }
    for (const element of document.querySelectorAll("[data-tone-of]")) {
      element.dataset.toneNow = answer.tones[element.dataset.toneOf] || "";
    }
    tone(answer.tone);
    document.dispatchEvent(new CustomEvent("numbers", { detail: answer }));
  }

  function tone(name) {
    if (pill) {
      pill.className = `pill ${name}`;
    }
  }

  function lost() {
    if (pill) {
      pill.textContent = lostText;
      tone("bad");
    }
  }

  function close() {
    window.clearTimeout(retrying);
    if (source) {
      source.close();
      source = null;
    }
  }

  // Without a stream, because the session is over or too many pages are open: the log-in page, or one answer now.
  async function ask() {
    try {
      const answer = await fetch(area.dataset.numbers, { headers: { Accept: "application/json" } });
      if (answer.status === 401 || answer.status === 403 || answer.redirected) {
        window.location.reload();
      } else if (answer.ok) {
        show(await answer.json());
      } else {
        lost();
      }
    } catch {
      lost();
    }
  }

  async function again() {
    close();
    lost();
    await ask();
    retrying = window.setTimeout(open, RETRY_MILLISECONDS);
  }

  function open() {
    close();
    if (document.hidden) {
      return;
    }
    heard = performance.now();
    source = new EventSource(area.dataset.events);
    source.addEventListener("open", () => { heard = performance.now(); });
    source.addEventListener("message", (event) => {
      heard = performance.now();
      show(JSON.parse(event.data));
    });
    source.addEventListener("error", again);
  }

  function watch() {
    if (source && performance.now() - heard > SILENT_MILLISECONDS) {
      again();
    }
  }

  document.addEventListener("visibilitychange", open);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      open();
    }
  });
  window.setInterval(watch, RETRY_MILLISECONDS);
  open();
})();
