// Tells of new replies by a desktop notification and a sound, where the people of this browser chose so.
//
// Told is what came since this page was opened and still wants a person: once, by one tab, the one
// that is looked at if there is any; nothing of a conversation that is on the screen. What came
// together, or while the computer slept, is one notification.

import { written } from "./forms.js";
import { alone, answerWho, hear, keep, kept, lookedAt, showing, tell } from "./tabs.js";

/** Milliseconds from one notification to the next: what comes meanwhile is one. */
const GATHER = 5000;
/** Milliseconds for which a page goes on where the one before it in this tab stopped. */
const AFTER = 15_000;
/** Milliseconds until it is tried again where the service does not answer. */
const AGAIN = 30_000;
/** Names that are listed. */
const NAMES = 3;
const EVERYTHING = "*";

const words = document.getElementById("notify-words")?.dataset;

// --- what was chosen --------------------------------------------------------------------------------

/** What people of this browser chose: show, with the first words, a sound. */
export function chosen() {
  const found = kept("notify") ?? {};
  return { show: found.show === true, text: found.text === true, sound: found.sound === true };
}

export function choose(changes) {
  keep("notify", { ...chosen(), ...changes });
  begin();
}

/** Whether this page may show notifications: yes, ask, blocked, insecure, never. */
export function may() {
  if (!window.isSecureContext) return "insecure";
  if (!("Notification" in window)) return "never";
  return { granted: "yes", denied: "blocked" }[Notification.permission] ?? "ask";
}

const shows = () => chosen().show && may() === "yes";
const wanted = () => shows() || chosen().sound;

// --- the sound --------------------------------------------------------------------------------------

let audio = null;
let quietTimer = 0;

/** Whether there may be a sound: not where nobody has clicked in this page yet, or nothing can sound. */
async function sounds() {
  if (!("AudioContext" in window)) return false;
  try {
    audio ??= new AudioContext();
    // Nothing is kept open between two sounds.
    clearTimeout(quietTimer);
    quietTimer = setTimeout(() => audio.suspend(), 2000);
    if (audio.state !== "running") {
      await Promise.race([audio.resume(), new Promise((go) => setTimeout(go, 400))]);
    }
  } catch {
    return false;
  }
  return audio.state === "running";
}

/** Two soft notes; false where there was no sound. */
export async function play() {
  if (!(await sounds())) return false;
  const start = audio.currentTime + 0.02;
  for (const [pitch, at, length] of [[659.26, 0, 0.35], [880, 0.16, 0.6]]) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.type = "sine";
    tone.frequency.value = pitch;
    // From nothing and to nothing, or it clicks; at its loudest a fifth of what there is.
    volume.gain.setValueAtTime(0.0001, start + at);
    volume.gain.exponentialRampToValueAtTime(0.2, start + at + 0.03);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + at + length);
    tone.connect(volume).connect(audio.destination);
    tone.start(start + at);
    tone.stop(start + at + length);
  }
  return true;
}

// --- the notification -------------------------------------------------------------------------------

const open = new Map(); // conversation (0: several) -> its notification

/** Show one. False where the browser does so for installed apps only. */
export function show(title, body, thread = 0, silent = true) {
  let made;
  try {
    made = new Notification(title, {
      body,
      icon: words.icon,
      tag: `textback-${thread}`,
      renotify: true,
      silent,
    });
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
  open.set(thread, made);
  made.addEventListener("close", () => {
    if (open.get(thread) === made) open.delete(thread);
  });
  made.addEventListener("click", (event) => {
    event.preventDefault();
    window.focus();
    made.close();
    go(thread ? `/inbox/${thread}` : "/inbox");
  });
  return true;
}

/** Open it here; beside, where something is written that is not sent. */
function go(address) {
  const asked = new CustomEvent("goto", { detail: address, cancelable: true });
  if (!document.dispatchEvent(asked)) return;
  if (written()) window.open(address);
  else location.assign(address);
}

const sum = (count) => words.many.replace("{count}", count);

/** What is told of these, the newest first; `count`: how many there were. */
function worded(replies, count) {
  const [newest] = replies;
  const threads = new Set(replies.map((one) => one.thread));
  if (threads.size > 1 || count > replies.length) {
    const names = [...new Set(replies.map((one) => one.who))];
    const more = names.length > NAMES || count > replies.length ? "…" : "";
    return [sum(count), names.slice(0, NAMES).join(", ") + more, 0];
  }
  const said = [count > 1 ? sum(count) : newest.review ? words.review : words.one];
  if (chosen().text && newest.line) said.push(newest.line);
  return [newest.who, said.join("\n"), newest.thread];
}

async function say(replies, count) {
  const [title, body, thread] = worded(replies, count);
  const sounded = chosen().sound && (await play());
  // Where the page may not sound, the system's own sound says it.
  if (shows()) show(title, body, thread, sounded || !chosen().sound);
  if (!document.hidden) document.getElementById("said").textContent = `${title}: ${body}`;
}

// --- what is new ------------------------------------------------------------------------------------

let cursor = null; // how far this page knows; null: nothing is told
let stopped = false;
let timer = 0;
let busy = false;
let again = false;

async function ask(after) {
  const query = after === null ? "" : `?after=${after}`;
  const response = await fetch(`/api/v1/replies${query}`, {
    // As a part of the page: nobody did anything, and the session of a desk that is left ends.
    headers: { Accept: "application/json", "X-Part": "notify" },
    credentials: "same-origin",
    signal: AbortSignal.timeout(15_000),
  });
  if (response.status === 401 || response.status === 403) stopped = true;
  if (!response.ok) throw new Error(`${response.status}`);
  return response.json();
}

function later(wait) {
  clearTimeout(timer);
  timer = setTimeout(look, wait);
}

/** Tell what is new, soon; many asks are one. */
async function look() {
  if (stopped || cursor === null) return;
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    await alone("tell", lookOnce);
  } catch (error) {
    // Down or overloaded, or nobody is signed in any more.
    if (!stopped) later(AGAIN);
  } finally {
    busy = false;
    if (again) {
      again = false;
      look();
    }
  }
}

async function lookOnce() {
  if (!wanted()) cursor = null;
  if (cursor === null) return;
  const others = await lookedAt();
  if (document.hidden && others.length) {
    // Theirs to tell; their own connection may just be lost.
    tell("news");
    return;
  }
  const last = kept("told") ?? { id: 0, at: 0 };
  const wait = last.at <= Date.now() ? last.at + GATHER - Date.now() : 0;
  if (wait > 0) {
    later(wait);
    return;
  }
  const news = await ask(Math.max(cursor, last.id));
  // Smaller than before: the newest entries were erased, or another store was put in place.
  cursor = news.latest;
  // Where there are no locks, another tab may have been quicker.
  if ((kept("told")?.id ?? 0) !== last.id) return;
  const seen = new Set([...others, document.hidden ? 0 : showing()]);
  const fresh = news.replies.filter((one) => !seen.has(one.thread));
  const count = news.count - (news.replies.length - fresh.length);
  keep("told", { id: news.latest, at: fresh.length ? Date.now() : last.at });
  if (fresh.length) await say(fresh, count);
}

/** From now on, and not what was there before. */
async function begin() {
  // What came while nothing was to be told is not told afterwards.
  if (!wanted()) cursor = null;
  if (stopped || !wanted() || cursor !== null) return;
  const before = kept("left", "sessionStorage");
  if (before && Date.now() - before.at < AFTER && before.at <= Date.now()) {
    cursor = before.id;
    look();
    return;
  }
  try {
    const { latest } = await ask(null);
    cursor ??= latest;
  } catch (error) {
    if (!stopped) setTimeout(begin, AGAIN);
  }
}

/** Somebody looks at a conversation: what was told of it is in the way. */
function looks() {
  if (document.hidden) return;
  const thread = showing();
  open.get(thread)?.close();
  if (location.pathname.startsWith("/inbox")) open.get(0)?.close();
  tell("looks", { thread });
}

if (words) {
  document.addEventListener("topics", (event) => {
    if (event.detail.includes("inbox") || event.detail.includes(EVERYTHING)) look();
  });
  hear("news", () => {
    if (!document.hidden) look();
  });
  // A page that tells nothing, such as one that waits for a password, is nobody to leave it to.
  answerWho(() => cursor !== null);
  document.addEventListener("visibilitychange", looks);
  document.addEventListener("opened", looks);
  hear("looks", ({ thread }) => {
    if (thread) open.get(thread)?.close();
  });
  // Chosen in another tab.
  addEventListener("storage", (event) => {
    if (event.key === "textback.notify") begin();
  });
  addEventListener("pagehide", () => {
    // A click on it would lead nowhere any more.
    for (const one of open.values()) one.close();
    if (cursor !== null) keep("left", { id: cursor, at: Date.now() }, "sessionStorage");
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    cursor = null;
    begin();
  });
  begin();
  looks();
}
