// How many wait for an answer, where one sees it from another tab: in the title and on the icon.

import { hear, tell } from "./tabs.js";

const icon = document.getElementById("favicon");

// As the server wrote it: a number in brackets at its beginning may be an area code.
let title = document.title;
let count = 0;

/** The title without the number. */
export const plainTitle = () => title;

export function setTitle(words) {
  title = words;
  write();
}

function write() {
  document.title = count ? `(${count > 99 ? "99+" : count}) ${title}` : title;
  if (!icon) return;
  const wanted = count ? icon.dataset.waiting : icon.dataset.quiet;
  if (icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
}

function read(nav) {
  count = Number(nav.querySelector("[data-waits]")?.dataset.waits ?? 0);
  write();
}

const nav = document.querySelector('[data-part="nav"]');
if (nav) {
  read(nav);
  nav.addEventListener("refreshed", () => {
    read(nav);
    // Hidden tabs do not listen themselves.
    tell("count", { count });
  });
  hear("count", (told) => {
    if (!document.hidden) return;
    count = told.count;
    write();
  });
}
