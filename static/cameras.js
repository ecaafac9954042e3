// Keeps the cameras' states fresh.
"use strict";

(() => {
  const EVERY_MILLISECONDS = 2000;
  const area = document.querySelector("[data-cameras]");
  if (!area) {
    return;
  }

  function set(element, text) {
    if (element && element.textContent !== text) {
      element.textContent = text; // only when it changes, since some of it is read aloud
    }
  }

  function show(card, health) {
    const pill = card.querySelector("[data-state]");
    set(pill, health.state);
    pill.className = `pill ${health.tone}`;
    const problem = card.querySelector("[data-problem]");
    set(problem.querySelector("p"), health.problem);
    problem.hidden = !health.problem;
    set(card.querySelector("[data-fact='pictures']"), health.pictures || "none");
    for (const fact of ["stream", "decoder", "delay", "lost"]) {
      set(card.querySelector(`[data-fact='${fact}']`), health[fact] || "not known yet");
    }
  }

  async function refresh() {
    if (document.hidden) {
      return;
    }
    const answer = await fetch(area.dataset.cameras, { headers: { Accept: "application/json" } });
    if (answer.status === 401 || answer.redirected) {
      window.location.reload(); // the session is over: the log-in page
      return;
    }
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    const { cameras, structure } = await answer.json();
    if (area.dataset.structure !== undefined && structure !== area.dataset.structure) {
      window.location.reload(); // a camera came or went
      return;
    }
    for (const card of document.querySelectorAll("[data-camera]")) {
      if (cameras[card.dataset.camera]) {
        show(card, cameras[card.dataset.camera]);
      }
    }
  }

  async function loop() {
    try {
      await refresh();
    } catch {
      for (const pill of document.querySelectorAll("[data-state]")) {
        set(pill, gettext("No connection, trying again"));
        pill.className = "pill bad";
      }
    }
    window.setTimeout(loop, EVERY_MILLISECONDS);
  }

  window.setTimeout(loop, EVERY_MILLISECONDS);
})();
