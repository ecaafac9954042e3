// Sends a file by parts, tells how far its redaction is, and offers the result.
"use strict";

(() => {
  const EVERY_MS = 1000;
  const area = document.querySelector("[data-redact]");
  if (!area) {
    return;
  }
  const base = area.dataset.redact;
  const token = area.dataset.token;
  const partBytes = Number(area.dataset.part);
  const find = (name) => area.querySelector(`[data-${name}]`);
  const sections = ["ask", "work", "finished", "gone"];
  let identifier = area.dataset.present;
  let began = 0;
  let isOver = false;
  let sending = new AbortController();

  function show(name) {
    for (const each of sections) {
      find(each).hidden = each !== name;
    }
    if (name !== "work") {
      find(name).querySelector("h2")?.focus();
    }
  }

  function complain(sentence) {
    const notice = find("problem");
    notice.querySelector("p").textContent = sentence;
    notice.hidden = !sentence;
  }

  function set(element, text) {
    if (element.textContent !== text) {
      element.textContent = text; // only when it changes, since some of it is read aloud
    }
  }

  function stage(text, detail, value, most) {
    set(find("stage"), text);
    set(find("detail"), detail);
    const bar = find("bar");
    if (most) {
      bar.max = most;
      bar.value = value;
    } else {
      bar.removeAttribute("value");
    }
  }

  async function answer(response) {
    if (response.status === 401 || response.redirected) {
      window.location.reload(); // the session is over: the log-in page
      return {};
    }
    if (response.status === 404) {
      return { problem: gettext("The file is gone; please begin anew.") };
    }
    const body = await response.json().catch(() => ({}));
    return response.ok ? body : { problem: body.problem || gettext("That did not work; please try again.") };
  }

  function post(path, options) {
    return fetch(path, { method: "POST", headers: { "X-CSRF-Token": token }, ...options });
  }

  async function begin(form, file) {
    const dot = file.name.lastIndexOf(".");
    const fields = new FormData(form);
    fields.set("csrf", token);
    fields.set("suffix", dot > 0 ? file.name.slice(dot).toLowerCase() : "");
    fields.set("size", String(file.size));
    const found = await answer(await post(base, { body: new URLSearchParams(fields) }));
    if (found.problem) {
      throw new Error(found.problem);
    }
    return found.identifier;
  }

  async function send(file) {
    for (let offset = 0; offset < file.size; offset += partBytes) {
      stage(gettext("Sending the file"), percent(offset, file.size), offset, file.size);
      const found = await answer(await post(`${base}/${identifier}/parts?offset=${offset}`, {
        body: file.slice(offset, offset + partBytes),
        headers: { "X-CSRF-Token": token, "Content-Type": "application/octet-stream" },
        signal: sending.signal,
      }));
      if (found.problem) {
        throw new Error(found.problem);
      }
    }
  }

  function percent(done, all) {
    return `${Math.floor((100 * done) / all)} %`;
  }

  function describe(state) {
    if (!state.done) {
      return gettext("The networks are being loaded.");
    }
    if (!state.frames || state.frames < state.done) {
      return gettext("{done} frames", { done: state.done });
    }
    const told = gettext("{done} of {frames} frames", { done: state.done, frames: state.frames });
    const seconds = ((Date.now() - began) / 1000 / state.done) * (state.frames - state.done);
    const left = seconds < 90 ? gettext("about {number} s left", { number: Math.ceil(seconds) })
      : gettext("about {number} min left", { number: Math.ceil(seconds / 60) });
    return `${told}, ${left}`;
  }

  function finish(state) {
    const list = find("summary");
    list.replaceChildren(...state.summary.map((sentence) => {
      const item = document.createElement("li");
      item.textContent = sentence;
      return item;
    }));
    find("result").href = `${base}/${identifier}/result`;
    show("finished");
  }

  async function follow() {
    show("work");
    let wasDone = false;
    while (!isOver) {
      let state = null;
      try {
        state = await answer(await fetch(`${base}/${identifier}`, { headers: { Accept: "application/json" } }));
      } catch {
        // the connection was lost for a moment
      }
      if (isOver) {
        return;
      }
      if (state && state.problem) {
        throw new Error(state.problem);
      }
      if (state && state.state === "over") {
        end(state.ending);
        return;
      }
      if (state && state.state === "done" && !wasDone) {
        wasDone = true;
        finish(state);
      }
      if (state && state.state === "working") {
        began = began || (state.done ? Date.now() : 0);
        stage(gettext("Covering faces and plates"), describe(state), state.done, state.frames);
      }
      await new Promise((wake) => setTimeout(wake, EVERY_MS));
    }
  }

  function end(ending) {
    isOver = true;
    window.removeEventListener("beforeunload", warn);
    set(find("ending"), ending ? gettext("It was {ending}.", { ending }) : "");
    show("gone");
  }

  function warn(event) {
    event.preventDefault();
  }

  async function run(start) {
    complain("");
    window.addEventListener("beforeunload", warn);
    try {
      await start();
      if (!isOver) {
        await follow(); // it could have been cancelled while the last part was sent
      }
    } catch (error) {
      if (isOver) {
        return; // it was cancelled, which broke off what was being sent
      }
      isOver = true;
      complain(error instanceof TypeError ? gettext("The connection was lost; please begin anew.") : error.message);
      show("ask");
    }
    window.removeEventListener("beforeunload", warn);
  }

  find("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    const file = form.querySelector("input[type=file]").files[0];
    if (!form.checkValidity() || !file) {
      form.reportValidity();
      return;
    }
    isOver = false;
    sending = new AbortController();
    began = 0;
    run(async () => {
      stage(gettext("Sending the file"), "0 %", 0, 1);
      identifier = await begin(form, file);
      show("work");
      await send(file);
    });
  });

  for (const button of area.querySelectorAll("[data-cancel]")) {
    button.addEventListener("click", async () => {
      isOver = true;
      sending.abort();
      await post(`${base}/${identifier}/end`, {});
      end(gettext("cancelled"));
    });
  }

  // Taking the file away is no leaving of the page.
  find("result").addEventListener("click", () => window.removeEventListener("beforeunload", warn));

  if (identifier) {
    run(async () => {});
  }
})();
