// The check of the count: a key or a button for each person who comes in, the system's count beside it.
"use strict";

(() => {
  const area = document.querySelector("[data-check]");
  const stage = document.querySelector("[data-live]");
  if (!area || !stage) {
    return;
  }
  const button = area.querySelector("[data-check-start]");
  const count = area.querySelector("[data-check-count]");
  const finish = area.querySelector("[data-check-end-button]");
  const numbers = area.querySelector("[data-check-numbers]");
  const result = area.querySelector("[data-check-result]");
  const EVERY_MILLISECONDS = 2000;
  const LONGEST_MILLISECONDS = 10 * 60 * 1000;
  // The view ends after ten minutes: the check a little before it.
  const viewEnds = performance.now() + Number(stage.dataset.seconds) * 1000 - 4000;
  let ends = 0;
  let mine = 0;
  let system = 0;
  let running = false;

  function show() {
    area.querySelector("[data-check-mine]").textContent = mine;
    area.querySelector("[data-check-system]").textContent = system;
    const difference = system - mine;
    area.querySelector("[data-check-difference]").textContent = difference > 0 ? `+${difference}` : String(difference);
  }

  function say(text) {
    result.textContent = text;
    result.hidden = !text;
  }

  function switchTo(on) {
    running = on;
    button.hidden = on;
    count.hidden = !on;
    finish.hidden = !on;
    if (on) {
      count.focus();
    }
  }

  async function ask(address, fields) {
    const options = { headers: { Accept: "application/json" }, cache: "no-store" };
    if (fields) {
      options.method = "POST";
      options.body = new URLSearchParams({ csrf: area.dataset.csrf, ...fields });
    }
    const answer = await fetch(address, options);
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    return answer.json();
  }

  function fail() {
    switchTo(false);
    say(gettext("The system's count can't be compared at the moment. Please start the check again."));
  }

  async function start() {
    try {
      await ask(area.dataset.check, {});
    } catch {
      fail();
      return;
    }
    mine = 0;
    system = 0;
    ends = Math.min(performance.now() + LONGEST_MILLISECONDS, viewEnds);
    numbers.hidden = false;
    say("");
    show();
    switchTo(true);
    window.setTimeout(follow, EVERY_MILLISECONDS);
  }

  async function follow() {
    if (!running) {
      return;
    }
    if (performance.now() >= ends) {
      await stop();
      return;
    }
    try {
      system = (await ask(area.dataset.check)).system;
      show();
    } catch {
      fail();
      return;
    }
    window.setTimeout(follow, EVERY_MILLISECONDS);
  }

  function one() {
    mine += 1;
    show();
  }

  async function stop() {
    if (!running) {
      return;
    }
    switchTo(false);
    try {
      const answer = await ask(area.dataset.checkEnd, { mine });
      system = answer.system;
      show();
      say(answer.kept
        ? gettext("The count agrees to {accuracy}. This is kept for the report.", answer)
        : gettext("Too few people came in to tell: at least {least} are needed. Nothing is kept.", answer));
    } catch {
      fail();
    }
  }

  button.addEventListener("click", start);
  count.addEventListener("click", one);
  finish.addEventListener("click", stop);
  document.addEventListener("keydown", (event) => {
    if (running && event.code === "Space" && event.target !== finish) {
      event.preventDefault(); // the page does not scroll, and a focused button does not count twice
      if (!event.repeat) {
        one();
      }
    }
  });
  document.addEventListener("keyup", (event) => {
    if (running && event.code === "Space" && event.target === count) {
      event.preventDefault(); // Firefox presses the button here
    }
  });
})();
