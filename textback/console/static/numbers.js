// Numbers: texts are shown as they are typed, a test is followed until it is over.

import { refresh } from "./live.js";

const form = document.querySelector("form[data-preview-url]");
const asked = new Map();

async function preview(area) {
  const box = document.getElementById(`p-${area.dataset.preview}`);
  const turn = (asked.get(area) ?? 0) + 1;
  asked.set(area, turn);
  box.classList.add("preview-waits");
  const body = new URLSearchParams({ text: area.value, key: area.dataset.preview });
  body.set("csrf", form.elements.csrf.value);
  try {
    const response = await fetch(form.dataset.previewUrl, { method: "POST", body, credentials: "same-origin" });
    // Answers may overtake each other; the last question counts.
    if (response.ok && !response.redirected && asked.get(area) === turn) {
      // Rendered by our own server from autoescaped templates.
      box.innerHTML = await response.text();
    }
  } finally {
    if (asked.get(area) === turn) box.classList.remove("preview-waits");
  }
}

if (form !== null) {
  const timers = new Map();
  for (const area of form.querySelectorAll("textarea[data-preview]")) {
    area.addEventListener("input", () => {
      clearTimeout(timers.get(area));
      timers.set(area, setTimeout(() => preview(area).catch(() => {}), 200));
    });
  }
  let dirty = false;
  form.addEventListener("input", () => { dirty = true; });
  form.addEventListener("submit", () => { dirty = false; });
  addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
  for (const box of form.querySelectorAll("[data-shows]")) {
    const shown = document.getElementById(box.dataset.shows);
    const set = () => { shown.hidden = !box.checked; };
    box.addEventListener("change", set);
    set();
  }
}

const test = document.querySelector('[data-part="test"]');
if (test !== null) {
  const follow = async () => {
    if (test.querySelector('[data-over="1"]')) return;
    await refresh(test);
    setTimeout(follow, 1000);
  };
  setTimeout(follow, 700);
}
