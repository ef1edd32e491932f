// The board of callbacks: "due in 12 min" stays true.

import { refresh } from "./console.js";

for (const part of document.querySelectorAll("[data-every]")) {
  setInterval(() => {
    if (!document.hidden) refresh(part);
  }, Number(part.dataset.every) * 1000);
}
