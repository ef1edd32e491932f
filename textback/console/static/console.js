// What every page does beyond its HTML: parts that follow what happens, times that stay true.

const csrf = () => document.querySelector('meta[name="csrf"]')?.content ?? "";

/** What the service said no to: its message is for people, in their language. */
export class Refused extends Error {}

/** Ask our own API. Gives the answer's JSON; throws Refused, or what says that there was no answer. */
export async function api(method, path, body) {
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers: {
      Accept: "application/json",
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(method === "GET" ? {} : { "X-CSRF-Token": csrf() }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
    // After a computer slept, a connection may be one that nobody answers on.
    signal: AbortSignal.timeout(20_000),
  });
  const told = await response.json();
  if (!response.ok) throw new Refused(told.detail);
  return told;
}

/** Say something to those who listen to the page. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

// --- live parts: a module of its own, since there is one stream whoever imports it ---------------

export { leave, refresh, refreshPart, tick } from "./live.js";
import "./forms.js";
import "./notify.js";
import "./session.js";
import "./title.js";

// --- on a narrow screen the chosen tab may be out of sight ------------------------------------------

for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  tab.scrollIntoView({ block: "nearest", inline: "center" });
}

// --- the sheet of further pages on a narrow screen ---------------------------------------------------

const sheet = () => document.querySelector(".nav-more[open]");
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" ? sheet() : null;
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  const open = sheet();
  if (open && !open.contains(event.target)) open.open = false;
});
