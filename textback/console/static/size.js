// How many parts a text has, said below the field while it is written.

import { api } from "./console.js";

const ENCODINGS = { gsm: "GSM-7", ascii: "ASCII", ucs2: "UCS-2", latin1: "Latin-1" };
let timer = 0;
let asked = 0;

/** Soon; many asks are one. */
export function measure() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const text = document.getElementById("text");
    const size = document.getElementById("size");
    if (!text || !size) return;
    const number = ++asked;
    if (!text.value.trim()) { size.textContent = ""; return; }
    try {
      const found = await api("POST", "/preview", { text: text.value.slice(0, 5000) });
      if (number !== asked) return;
      const said = [found.segments === 1 ? size.dataset.one : size.dataset.many.replace("{count}", found.segments), ENCODINGS[found.encoding] ?? found.encoding];
      if (found.odd.length) said.push(size.dataset.odd.replace("{odd}", found.odd.slice(0, 5).join(" ")));
      if (found.characters > found.most * 0.8) said.push(size.dataset.long.replace("{count}", found.characters).replace("{most}", found.most));
      size.textContent = said.join(" · ");
      size.classList.toggle("over", found.characters > found.most);
    } catch { size.textContent = ""; }
  }, 180);
}
