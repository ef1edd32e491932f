// What every page does beyond its HTML: parts that follow what happens, times that stay true.

const csrf = () => document.querySelector('meta[name="csrf"]')?.content ?? "";

/** Ask our own API. Gives the answer's JSON; throws an Error with the reason in words. */
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
  });
  const told = await response.json();
  if (!response.ok) throw new Error(told.detail);
  return told;
}

/** Say something to those who listen to the page. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

// --- live parts: a module of its own, since there is one stream whoever imports it ---------------

export { refresh, refreshPart } from "./live.js";
import "./notify.js";
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
