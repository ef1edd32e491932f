// Live parts: listens to what changed and asks again for those parts of the page that show it.
//
// One module for the whole page, whoever imports it: there is one stream. A part is
//   <section data-part="list" data-live="inbox calls">
// On one of its topics the page's own URL is fetched with X-Part: list, and its inside exchanged;
// what the reader does there (focus, selection, scrolling, open details) stays.
//
// Of the tabs that are hidden one goes on listening (tabs.js), for the number in the titles and for
// what people are told (notify.js); what else it shows it asks for when it is looked at.

import { changed } from "./forms.js";
import { join, leads } from "./tabs.js";

/** Milliseconds between two fetches of a part at the least. */
const GAP = 300;
/** Milliseconds until a lost connection is spoken of: a reload of the service is shorter. */
const PATIENCE = 3000;
/** Milliseconds a hidden tab goes on listening, unless it does for all. */
const HIDDEN = 5000;
/** Milliseconds without a word after which a connection is taken for dead: a sign of life comes each 15 s. */
const DEAD = 50_000;
/** Milliseconds between two announcements. */
const QUIET = 4000;
const SLOWEST = 30_000;

const EVERYTHING = "*";
const states = new WeakMap(); // part -> what is known of it

function stateOf(part) {
  if (!states.has(part)) {
    states.set(part, { timer: 0, retry: 0, busy: false, again: false, left: false, last: 0, html: "", failed: 0, said: sentence(part) });
  }
  return states.get(part);
}

/** From now on it shows something else, which what was asked for before does not take the place of. */
export function leave(part) {
  const state = stateOf(part);
  clearTimeout(state.timer);
  clearTimeout(state.retry);
  state.left = true;
  part.removeAttribute("data-live");
}

/** Ask again for this part, soon; many asks are one. */
export function refreshPart(part) {
  const state = stateOf(part);
  if (state.busy) {
    state.again = true;
    return;
  }
  if (state.timer) return;
  const wait = Math.max(20, state.last + GAP - performance.now());
  state.timer = setTimeout(() => {
    state.timer = 0;
    fetchPart(part, state);
  }, wait);
}

/** Ask again for this part now; resolves when it shows what there is. */
export async function refresh(part) {
  await fetchPart(part, stateOf(part));
}

async function fetchPart(part, state) {
  if (!part.isConnected || state.left) return;
  if (state.busy) {
    state.again = true;
    return;
  }
  state.busy = true;
  state.last = performance.now();
  clearTimeout(state.retry);
  try {
    const response = await fetch(part.dataset.src || location.href, {
      headers: { "X-Part": part.dataset.part },
      credentials: "same-origin",
      signal: AbortSignal.timeout(15_000),
    });
    if (response.redirected || response.status === 401) {
      location.reload(); // signed out: the page itself says so
      return;
    }
    // Deleted meanwhile, or no longer for them: it would not come by asking.
    if (response.status === 403 || response.status === 404) return;
    if (!response.ok) throw new Error(`${response.status}`);
    const html = await response.text();
    state.failed = 0;
    if (html !== state.html) {
      await untilFree(part);
      if (state.left) return;
      swap(part, html);
      state.html = html;
      announce(part, state);
    }
  } catch (error) {
    // Down or overloaded: tried again later, with the stream's own patience.
    state.failed = Math.min(state.failed + 1, 5);
    state.retry = setTimeout(() => refreshPart(part), backOff(state.failed));
  } finally {
    state.busy = false;
    if (state.again) {
      state.again = false;
      refreshPart(part);
    }
  }
}

function backOff(times) {
  return Math.min(SLOWEST, 1000 * 2 ** (times - 1)) * (0.7 + 0.6 * Math.random());
}

// --- exchanging -----------------------------------------------------------------------------------

/** Not while somebody marks text in it, or writes into a field of it; for a minute at most. */
async function untilFree(part) {
  for (let turn = 0; turn < 120 && taken(part); turn += 1) await new Promise((go) => setTimeout(go, 500));
}

function taken(part) {
  const selection = getSelection();
  if (selection && !selection.isCollapsed && selection.rangeCount && selection.getRangeAt(0).intersectsNode(part)) return true;
  return part.contains(document.activeElement) && changed(document.activeElement);
}

/** By what an element is found again in the new inside. */
function keyOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.localName === "summary" && element.parentElement.id) return `#${CSS.escape(element.parentElement.id)} > summary`;
  for (const name of ["href", "name"]) {
    const value = element.getAttribute(name);
    if (value) return `${element.localName}[${name}="${CSS.escape(value)}"]`;
  }
  return "";
}

function swap(part, html) {
  const focused = part.contains(document.activeElement) && document.activeElement !== part ? keyOf(document.activeElement) : "";
  const opened = new Map([...part.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
  const scrolled = [part, ...part.querySelectorAll("[id], [data-scroll]")]
    .filter((one) => one.scrollTop || one.scrollLeft)
    .map((one) => [one === part ? null : keyOf(one), one.scrollTop, one.scrollLeft]);
  const written = [...part.querySelectorAll("input[id], textarea[id]")].filter(changed);
  // Rendered by our own server from autoescaped templates.
  part.innerHTML = html;
  for (const field of written) carry(field, part.querySelector(`#${CSS.escape(field.id)}`));
  for (const [id, open] of opened) {
    const found = part.querySelector(`#${CSS.escape(id)}`);
    if (found) found.open = open;
  }
  for (const [key, top, left] of scrolled) {
    const found = key === null ? part : key && part.querySelector(key);
    if (found) found.scrollTo(left, top);
  }
  if (focused) {
    const found = part.querySelector(focused);
    if (found) found.focus({ preventScroll: true });
    else {
      // What had the focus is gone: the part keeps it, so that the keyboard stays where it was.
      part.tabIndex = -1;
      part.focus({ preventScroll: true });
    }
  }
  part.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
}

/** What was written and not sent goes over to the field that stands there now. */
function carry(field, found) {
  if (found?.type !== field.type) return;
  found.value = field.value;
  // Only fields for text have a place where one writes.
  if (field.selectionStart !== null) found.setSelectionRange(field.selectionStart, field.selectionEnd);
}

let lastSaid = 0;
let sayTimer = 0;

/** A part may have a sentence for those who listen to the page: told when it is another one. */
const sentence = (part) => part.querySelector("[data-say]")?.dataset.say ?? "";

function announce(part, state) {
  const text = sentence(part);
  const same = text === state.said;
  state.said = text;
  if (!text || same) return;
  clearTimeout(sayTimer);
  sayTimer = setTimeout(() => {
    lastSaid = performance.now();
    document.getElementById("said").textContent = text;
  }, Math.max(0, lastSaid + QUIET - performance.now()));
}

// --- the stream -----------------------------------------------------------------------------------

let stream = null;
let attempts = 0;
let retryTimer = 0;
let lostTimer = 0;
let hideTimer = 0;
let heard = 0;
/** What has changed while nobody looked. */
const behind = new Set();
/** How far this page knows: the feed's own count. */
let seen = document.querySelector('meta[name="feed"]')?.content ?? "";
/** Who puts into the page what was asked for by other ways compares: it may be older than this. */
export const tick = () => seen;

function parts(topics) {
  return [...document.querySelectorAll("[data-part][data-live]")].filter(
    (part) => topics === null || part.dataset.live.split(" ").some((topic) => topics.includes(topic)),
  );
}

/** Every page keeps the number in its title true; the rest is for eyes. */
function freshen(topics) {
  for (const part of parts(topics)) {
    if (document.hidden && part.dataset.part !== "nav") behind.add(part);
    else refreshPart(part);
  }
  document.dispatchEvent(new CustomEvent("topics", { detail: topics ?? [EVERYTHING] }));
}

function connect() {
  if (stream || (document.hidden && !leads())) return;
  clearTimeout(retryTimer);
  heard = Date.now();
  stream = new EventSource("/live");
  stream.addEventListener("here", () => {
    heard = Date.now();
  });
  stream.addEventListener("hello", (event) => {
    heard = Date.now();
    attempts = 0;
    clearTimeout(lostTimer);
    lostTimer = 0;
    document.getElementById("lost").hidden = true;
    document.body.classList.add("is-live");
    if (event.data !== seen) freshen(null);
    seen = event.data;
  });
  stream.addEventListener("topics", (event) => {
    heard = Date.now();
    seen = event.lastEventId;
    const topics = event.data.split(" ");
    freshen(topics.includes(EVERYTHING) ? null : topics);
  });
  // Newer tabs have taken its place: not again before this one is looked at, or after a while.
  stream.addEventListener("crowded", () => {
    disconnect();
    clearTimeout(retryTimer);
    retryTimer = setTimeout(connect, 60_000);
  });
  stream.addEventListener("error", lost);
}

function disconnect() {
  stream?.close();
  stream = null;
  document.body.classList.remove("is-live");
}

function lost() {
  disconnect();
  lostTimer ||= setTimeout(() => {
    lostTimer = 0;
    // By what was heard, not by `stream`: just now another try may be under way.
    const live = document.body.classList.contains("is-live");
    if (!live && !document.hidden) document.getElementById("lost").hidden = false;
  }, PATIENCE);
  attempts = Math.min(attempts + 1, 6);
  clearTimeout(retryTimer);
  retryTimer = setTimeout(connect, backOff(attempts));
  // An EventSource does not tell why it was refused: a part is, where nobody is signed in any more.
  const [part] = parts(null);
  if (part) refreshPart(part);
}

/** A computer that slept has a connection that nobody closed; its clock may have been put back. */
function lookAfter() {
  if (!stream || Math.abs(Date.now() - heard) < DEAD) return;
  lost();
  connect();
}

function shown() {
  clearTimeout(hideTimer);
  if (document.hidden) {
    if (!leads()) hideTimer = setTimeout(rest, HIDDEN);
    return;
  }
  attempts = 0;
  lookAfter();
  connect();
  for (const part of behind) if (part.dataset.live) refreshPart(part);
  behind.clear();
}

function rest() {
  if (!document.hidden || leads()) return;
  clearTimeout(retryTimer);
  disconnect();
}

if (document.querySelector("[data-live]")) {
  connect();
  document.addEventListener("leads", () => (leads() ? connect() : rest()));
  join();
  setInterval(lookAfter, DEAD / 2);
  document.addEventListener("visibilitychange", shown);
  addEventListener("online", shown);
  addEventListener("focus", connect);
  addEventListener("pagehide", disconnect);
  // Back by the browser's own memory: the page is as it was left.
  addEventListener("pageshow", (event) => {
    if (event.persisted) connect();
  });
}
