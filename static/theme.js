// Dark or light: the system's choice, unless the reader has made one with the button.
"use strict";

(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function stored() {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // storage may be forbidden; the system's choice remains
    }
  }

  function announce() {
    document.dispatchEvent(new Event("themechange"));
  }

  const choice = stored();
  if (choice === "dark" || choice === "light") {
    root.dataset.theme = choice;
  }
  system.addEventListener("change", announce);

  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.addEventListener("click", () => {
        const isDark = root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
        root.dataset.theme = isDark ? "light" : "dark";
        try {
          localStorage.setItem("theme", root.dataset.theme);
        } catch {
          // not kept, but shown
        }
        announce();
      });
    }
    // On a phone the pages' names may be wider than the screen: the present one is to be seen.
    const current = document.querySelector(".navigation [aria-current]");
    if (current) {
      const list = current.closest("ul");
      list.scrollLeft = current.offsetLeft - (list.clientWidth - current.offsetWidth) / 2;
    }
    // A form that takes a while says so and can't be sent twice.
    for (const form of document.querySelectorAll("form[data-busy]")) {
      form.addEventListener("submit", () => {
        const button = form.querySelector("button");
        button.setAttribute("aria-busy", "true");
        button.textContent = form.dataset.busy;
        window.setTimeout(() => { button.disabled = true; }, 0);
      });
    }
  });
})();
