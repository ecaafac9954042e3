// While a report is being built, asks how far it is and shows the page anew at its end.
"use strict";

(() => {
  const EVERY_MS = 1000;

  async function watch(place) {
    for (;;) {
      await new Promise((wake) => setTimeout(wake, EVERY_MS));
      try {
        const answer = await fetch(place.dataset.progress, { headers: { Accept: "application/json" } });
        if (!answer.ok) {
          break; // such as logged out meanwhile: the page itself says so
        }
        const { step } = await answer.json();
        if (step === null) {
          break;
        }
        if (place.textContent !== step) {
          place.textContent = step;
        }
      } catch {
        // the connection was lost for a moment
      }
    }
    location.reload();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.querySelector("[data-progress]");
    if (place) {
      watch(place);
    }
  });
})();
