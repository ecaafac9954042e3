// Explore works without this: it sends the form when a choice is made, and reads the table's rows out in the chart.
"use strict";

(() => {
  const form = document.querySelector("[data-choices]");
  const own = form.querySelector("[data-own]");
  const against = form.elements.against;

  function needsDay() {
    return against.value === "own" && !form.elements.other.value;
  }

  own.hidden = against.value !== "own";
  for (const field of form.querySelectorAll("[data-send]")) {
    field.addEventListener("change", () => {
      own.hidden = against.value !== "own";
      if (needsDay()) {
        form.elements.other.focus();
      } else {
        form.requestSubmit();
      }
    });
  }
  // Choices that were left empty need not be in the address.
  form.addEventListener("submit", () => {
    for (const field of form.elements) {
      if (field.name && !field.value) {
        field.disabled = true;
      }
    }
  });

  const plot = document.querySelector("[data-plot]");
  if (!plot) {
    return;
  }
  const area = plot.querySelector(".plot-drawing");
  const reading = plot.querySelector("[data-reading]");
  const pointer = plot.querySelector("[data-pointer]");
  const rows = [...document.querySelectorAll("[data-table] tbody tr")];
  const hint = reading.textContent;
  let index = -1;

  function tell(next) {
    index = Math.min(Math.max(next, 0), rows.length - 1);
    const [time, value, otherTime, other] = [...rows[index].cells].map((cell) => cell.textContent);
    reading.textContent = other === undefined ? `${time}: ${value}` : `${time}: ${value} · ${otherTime}: ${other}`;
    const width = 1000 / rows.length;
    pointer.setAttribute("d", `M${index * width} 0h${width}V1000h${-width}z`);
  }

  function leave() {
    index = -1;
    reading.textContent = hint;
    pointer.setAttribute("d", "");
  }

  area.addEventListener("pointermove", (event) => {
    const box = area.getBoundingClientRect();
    tell(Math.floor(((event.clientX - box.left) / box.width) * rows.length));
  });
  area.addEventListener("pointerleave", leave);
  plot.addEventListener("blur", leave);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      event.preventDefault();
      tell(index < 0 && step < 0 ? rows.length - 1 : index + step);
    }
  });
})();
