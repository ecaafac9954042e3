// Keeps the numbers of a page fresh: every element with data-value shows the value of that name.
"use strict";

(() => {
  const EVERY_MILLISECONDS = 4000;
  const area = document.querySelector("[data-numbers]");
  if (!area) {
    return;
  }

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
    const notice = document.querySelector("[data-notice]");
    if (notice) {
      notice.hidden = !answer.values.notice;
    }
    tone(answer.tone);
    document.dispatchEvent(new CustomEvent("numbers", { detail: answer }));
  }

  function tone(name) {
    const pill = document.querySelector("[data-tone]");
    if (pill) {
      pill.className = `pill ${name}`;
    }
  }

  function lost() {
    const pill = document.querySelector("[data-tone]");
    if (pill) {
      pill.textContent = "No connection, trying again";
      tone("bad");
    }
  }

  async function refresh() {
    if (document.hidden) {
      return;
    }
    try {
      const answer = await fetch(area.dataset.numbers, { headers: { Accept: "application/json" } });
      if (answer.status === 401 || answer.redirected) {
        window.location.reload(); // the session is over: the log-in page
        return;
      }
      if (!answer.ok) {
        throw new Error(String(answer.status));
      }
      show(await answer.json());
    } catch {
      lost();
    }
  }

  async function loop() {
    await refresh();
    window.setTimeout(loop, EVERY_MILLISECONDS);
  }

  document.addEventListener("visibilitychange", refresh);
  window.setTimeout(loop, EVERY_MILLISECONDS);
})();
