// The board of callbacks: "due in 12 min" stays true, and a filter needs no button.

import { refresh } from "./console.js";

for (const part of document.querySelectorAll("[data-every]")) {
  setInterval(() => {
    if (!document.hidden) refresh(part).catch(() => {});
  }, Number(part.dataset.every) * 1000);
}

for (const form of document.querySelectorAll("form[data-submits]")) {
  form.querySelector("[data-no-js]").hidden = true;
  form.addEventListener("change", () => form.requestSubmit());
}
