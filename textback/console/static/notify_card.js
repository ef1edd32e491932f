// What this browser tells people of, as they choose it: the card under /account, the offer in the inbox.

import { keep, kept } from "./tabs.js";
import { choose, chosen, may, play, show } from "./notify.js";

const one = (id) => document.getElementById(id);

/** Ask the browser, which it takes only from a click. What the page may then: yes, ask, blocked. */
async function ask() {
  if (may() === "ask") await Notification.requestPermission();
  return may();
}

// --- the card ---------------------------------------------------------------------------------------

/** Shown was tried, and the browser does it for installed apps only. */
let never = false;
let refused = false;

function draw() {
  const now = never ? "never" : may();
  const { show: on, text, sound } = chosen();
  const shown = on && now === "yes";
  one("notify-show").checked = shown;
  one("notify-show").disabled = ["insecure", "never"].includes(now);
  one("notify-try-show").hidden = !shown;
  one("notify-text-row").hidden = one("notify-text-hint").hidden = !shown;
  one("notify-text").checked = text;
  one("notify-sound").checked = sound;
  for (const why of document.querySelectorAll("[data-why]")) {
    why.hidden = why.dataset.why !== now || (now === "ask" && !refused);
  }
}

function sample() {
  const { title, body } = one("notify-sample").dataset;
  never = !show(title, body);
  if (never) choose({ show: false });
  draw();
}

async function switchShow() {
  if (!one("notify-show").checked) {
    choose({ show: false });
    draw();
    return;
  }
  const now = await ask();
  refused = now === "ask";
  choose({ show: now === "yes" });
  if (now === "yes") sample();
  draw();
}

async function sound() {
  one("notify-mute").hidden = true;
  one("notify-mute").hidden = await play();
}

function card() {
  one("notify-show").addEventListener("change", switchShow);
  one("notify-text").addEventListener("change", (event) => choose({ text: event.target.checked }));
  one("notify-sound").addEventListener("change", (event) => {
    choose({ sound: event.target.checked });
    if (event.target.checked) sound();
  });
  one("notify-try-show").addEventListener("click", sample);
  one("notify-try-sound").addEventListener("click", sound);
  draw();
  one("this-computer").hidden = false;
  if (location.hash === "#this-computer") one("this-computer").scrollIntoView();
  // Allowed or forbidden in the browser's own settings, or chosen in another tab.
  addEventListener("storage", draw);
  navigator.permissions?.query({ name: "notifications" }).then(
    (state) => state.addEventListener("change", draw),
    () => {}, // not every browser knows this name
  );
}

// --- the offer --------------------------------------------------------------------------------------

/** Asked once in a browser that can: where somebody sits at it, and nothing was chosen before. */
function offered() {
  const { show: on, sound } = chosen();
  const can = ["ask", "yes"].includes(may()) && !matchMedia("(hover: none)").matches;
  return can && !on && !sound && kept("offer") === null;
}

async function yes() {
  keep("offer", "yes");
  let now = await ask();
  choose({ show: now === "yes" });
  const outcome = one("notify-outcome").dataset;
  if (now === "yes" && !show(outcome.yes, "")) {
    choose({ show: false });
    now = "never";
  }
  one("notify-ask").hidden = one("notify-answers").hidden = true;
  one("notify-said").textContent = outcome[now];
  one("notify-said").hidden = one("notify-more").hidden = false;
  one("notify-said").focus();
}

function no() {
  keep("offer", "no");
  one("notify-offer").hidden = true;
  one("q")?.focus();
}

if (one("this-computer")) card();
if (one("notify-offer") && offered()) {
  one("notify-yes").addEventListener("click", yes);
  one("notify-no").addEventListener("click", no);
  one("notify-offer").hidden = false;
}
