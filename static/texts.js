// The scripts' texts in the language of the page: `gettext("{number} points", { number })`. English where there is no other.
"use strict";

(() => {
  const block = document.getElementById("texts");
  const texts = block ? JSON.parse(block.textContent) : {};
  window.gettext = (text, values = {}) => (Object.hasOwn(texts, text) ? texts[text] : text)
    .replace(/\{(\w+)\}/g, (place, name) => (Object.hasOwn(values, name) ? values[name] : place));
})();
