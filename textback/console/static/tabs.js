// The tabs of one browser among themselves: which one listens for all, who is looked at, who speaks.

const EAR = "textback-ear";
/** Milliseconds that tabs have to say that they are looked at. */
const ANSWER = 150;
/** Milliseconds for which a tab listens for all where there are no locks; timers of a hidden tab run once a minute. */
const LEASE = 150_000;

const channel = "BroadcastChannel" in window ? new BroadcastChannel("textback") : null;
const listeners = new Map();
const mine = `${Date.now()}-${Math.random()}`;

/** Tell the other tabs. */
export function tell(kind, more = {}) {
  channel?.postMessage({ kind, ...more });
}

/** What other tabs tell. */
export function hear(kind, listener) {
  listeners.set(kind, [...(listeners.get(kind) ?? []), listener]);
}

channel?.addEventListener("message", (event) => {
  for (const listener of listeners.get(event.data.kind) ?? []) listener(event.data);
});

// --- what is kept for all tabs ----------------------------------------------------------------------

/** What this browser keeps under a name; null: nothing, or it keeps nothing at all. */
export function kept(name, storage = "localStorage") {
  try {
    return JSON.parse(window[storage].getItem(`textback.${name}`));
  } catch {
    return null;
  }
}

export function keep(name, value, storage = "localStorage") {
  try {
    window[storage].setItem(`textback.${name}`, JSON.stringify(value));
  } catch {
    // Full, or forbidden: then it is not kept.
  }
}

// --- one tab listens for those that are hidden ------------------------------------------------------

// Of several tabs only those that are looked at have a stream, and this one: browsers have few
// connections to one place. A lock cannot be lost: it goes over when its tab is closed or crashes.
let leading = false;
let release = null;

/** Whether this tab goes on listening while it is hidden. */
export const leads = () => leading;

function set(now) {
  if (leading === now) return;
  leading = now;
  document.dispatchEvent(new CustomEvent("leads", { detail: now }));
}

function queue() {
  const given = new AbortController();
  let done = () => {};
  release = () => {
    given.abort();
    done();
    set(false);
  };
  const held = () => new Promise((resolve) => {
    done = resolve;
    set(true);
  });
  navigator.locks.request(EAR, { signal: given.signal }, held).catch((error) => {
    if (error.name !== "AbortError") throw error;
  });
}

// Locks are for https and this host alone. Without them the tab that was first writes down until when it is.
function lease() {
  const now = kept("ear");
  const free = !now || now.until < Date.now() || now.until > Date.now() + LEASE || now.tab === mine;
  if (free) keep("ear", { tab: mine, until: Date.now() + LEASE });
  // Where nothing is kept nobody knows of the others: then none does, or all would.
  set(free && kept("ear")?.tab === mine);
  release = () => {
    if (leading) keep("ear", null);
    set(false);
  };
}

export function join() {
  if (navigator.locks) queue();
  else {
    lease();
    setInterval(lease, LEASE / 5);
  }
  addEventListener("pagehide", () => release?.());
  addEventListener("pageshow", (event) => {
    if (event.persisted) navigator.locks ? queue() : lease();
  });
}

// --- one at a time ----------------------------------------------------------------------------------

/** Do it while no other tab does. */
export async function alone(name, work) {
  if (navigator.locks) return navigator.locks.request(`textback-${name}`, work);
  await new Promise((go) => setTimeout(go, 300 * Math.random()));
  return work();
}

// --- who is looked at -------------------------------------------------------------------------------

/** The conversation that this page shows, 0 for none. */
export const showing = () => Number(/^\/inbox\/(\d+)/.exec(location.pathname)?.[1] ?? 0);

let called = null;

/** From now on others are told when this page is looked at, while it `may`. */
export function answerWho(may) {
  hear("who", () => {
    if (!document.hidden && may()) tell("here", { thread: showing() });
  });
}

hear("here", ({ thread }) => called?.push(thread));

/** Of the tabs that are looked at, this one left out, the conversation each shows (0: none). */
export async function lookedAt() {
  if (!channel) return [];
  called = [];
  tell("who");
  await new Promise((go) => setTimeout(go, ANSWER));
  const found = called;
  called = null;
  return found;
}
