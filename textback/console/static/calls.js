// Countdowns to texts, and how long somebody has been ringing, by the service's clock.

import { refreshPart } from "./console.js";

let ahead = 0; // milliseconds that the service's clock is ahead of ours
let clock = ""; // what the service's said when it was looked at
let ticking = 0;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function setClock() {
  const said = document.querySelector("[data-now]")?.dataset.now;
  // Once each: other parts of the page are made anew too, and then this is a moment ago.
  if (!said || said === clock) return;
  clock = said;
  ahead = Number(said) - Date.now();
}

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = String(Math.floor(seconds % 60)).padStart(2, "0");
  return `${minutes}:${rest}`;
}

function tick() {
  const now = Date.now() + ahead;
  const clocks = document.querySelectorAll("[data-countdown]");
  for (const clock of clocks) {
    const at = Number(clock.dataset.at);
    const whole = at - Number(clock.dataset.since);
    const left = Math.max(0, at - now);
    clock.querySelector("[data-left]").textContent = String(Math.ceil(left / 1000));
    const share = whole > 0 ? Math.min(100, (100 * left) / whole) : 0;
    clock.querySelector(".ring-left").setAttribute("stroke-dasharray", `${share.toFixed(2)} 100`);
    // What came of it is told by the feed; should that be lost, it is asked for once.
    if (left === 0 && now - at > 1500 && !clock.dataset.asked) {
      clock.dataset.asked = "1";
      const part = clock.closest("[data-part]");
      if (part) refreshPart(part);
    }
  }
  const elapsed = document.querySelectorAll("[data-elapsed]");
  for (const one of elapsed) one.textContent = duration(Math.max(0, now - Number(one.dataset.elapsed)) / 1000);
  ticking = clocks.length || elapsed.length ? setTimeout(tick, clocks.length && !calm.matches ? 100 : 1000) : 0;
}

function start() {
  setClock();
  if (ticking) clearTimeout(ticking);
  tick();
}

document.addEventListener("refreshed", start);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(ticking);
    ticking = 0;
  } else start();
});
start();
