// The page of figures: what a column says beside the pointer or by the arrow keys; no more than that.
import { say } from "./console.js";

const tip = document.createElement("div");
tip.className = "plot-tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true");

let current = null;

function textOf(column) {
  // A title inside would be shown by the browser as well, later and smaller.
  const title = column.querySelector("title");
  if (title) {
    column.dataset.says = title.textContent;
    title.remove();
  }
  return column.dataset.says ?? "";
}

function show(column, spoken) {
  if (column === current) return;
  current?.classList.remove("current");
  current = column;
  if (!column) {
    tip.hidden = true;
    return;
  }
  const text = textOf(column);
  const plot = column.closest(".plot");
  column.classList.add("current");
  tip.textContent = text;
  tip.hidden = false;
  plot.append(tip);
  const around = plot.getBoundingClientRect();
  const at = column.getBoundingClientRect();
  // Beside the column where there is room, else on its other side: never over what it tells of.
  const right = at.right - around.left + 8;
  const left = right + tip.offsetWidth <= around.width ? right : at.left - around.left - tip.offsetWidth - 8;
  const heat = column.querySelector(".heat") !== null;
  tip.style.left = `${Math.max(0, left)}px`;
  tip.style.top = `${heat ? at.top - around.top : 8}px`;
  if (spoken) say(text.replaceAll("\n", ", "));
}

document.addEventListener("pointerover", (event) => {
  const column = event.target.closest?.(".plot-col");
  if (column) show(column, false);
  else if (current && !current.closest(".plot")?.contains(event.target)) show(null, false);
});

function ready() {
  for (const plot of document.querySelectorAll(".plot")) {
    if (!plot.querySelector(".plot-col")) continue;
    const area = plot.querySelector(".plot-row");
    area.tabIndex = 0;
    area.setAttribute("role", "group");
    area.setAttribute("aria-label", document.querySelector("[data-plot-keys]").dataset.plotKeys);
  }
}

document.addEventListener("keydown", (event) => {
  const area = event.target.closest?.(".plot-row");
  if (!area) return;
  const columns = [...area.querySelectorAll(".plot-col")];
  const week = area.querySelector(".heat") !== null;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ...(week ? { ArrowDown: 24, ArrowUp: -24 } : {}) };
  const at = columns.indexOf(current);
  let next;
  if (event.key in steps) next = at < 0 ? (steps[event.key] > 0 ? 0 : columns.length - 1) : at + steps[event.key];
  else if (event.key === "Home") next = 0;
  else if (event.key === "End") next = columns.length - 1;
  else if (event.key === "Escape") {
    show(null, false);
    return;
  } else return;
  event.preventDefault();
  if (columns[next]) show(columns[next], true);
});

document.addEventListener("focusout", (event) => {
  if (event.target.closest?.(".plot-row")) show(null, false);
});

document.addEventListener("refreshed", () => {
  current = null;
  tip.hidden = true;
  ready();
});
ready();
