// The inbox beyond its forms: opening without a new page, drafts that stay, sizes as you type.

import { Refused, api, leave, refresh, refreshPart, say, tick } from "./console.js";
import { measure } from "./size.js";
import { keep, kept } from "./tabs.js";
import { plainTitle, setTitle } from "./title.js";

let unread = null;

const one = (selector, inside = document) => inside.querySelector(selector);
const opened = () => one("#compose")?.dataset.thread ?? /^\/inbox\/(\d+)/.exec(location.pathname)?.[1] ?? null;

async function part(name, address, init = {}) {
  const response = await fetch(address, {
    credentials: "same-origin",
    signal: AbortSignal.timeout(15_000),
    ...init,
    headers: { "X-Part": name, ...(init.headers ?? {}) },
  });
  if (!response.ok || response.redirected) throw new Error(String(response.status));
  return response.text();
}

function put(element, html) {
  // Rendered by our own server from autoescaped templates.
  element.innerHTML = html;
}

// --- the conversation ---------------------------------------------------------------------------

const lines = () => one("#talk-lines");
const atEnd = () => {
  const box = lines();
  return box !== null && box.scrollHeight - box.scrollTop - box.clientHeight < 120;
};
const toEnd = () => { const box = lines(); if (box) box.scrollTop = box.scrollHeight; };

let wasAtEnd = true;

/** Somebody looks at it: a page that is only loaded ahead, or lies behind others, is not read. */
function look() {
  const acts = one(".talk-acts");
  const thread = opened();
  if (!acts || !thread || document.prerendering || document.visibilityState !== "visible") return;
  if (acts.dataset.unread === "0" || acts.dataset.mayAnswer !== "1") return;
  acts.dataset.unread = "0";
  api("POST", `/threads/${thread}/read`).catch(() => {});
}

function begin() {
  const text = one("#text");
  const thread = opened();
  if (text && thread && !text.value && drafts.has(thread)) text.value = drafts.get(thread);
  grow();
  measure();
  toEnd();
  look();
  document.dispatchEvent(new CustomEvent("opened"));
}

// What is written and not sent outlives its page, in this tab and for who wrote it.
const writer = one('meta[name="who"]')?.content;
const left = kept("drafts", "sessionStorage");
const drafts = new Map(left?.who === writer ? left.texts : []);

function remember() {
  const text = one("#compose #text");
  const thread = opened();
  if (text && thread) text.value.trim() ? drafts.set(thread, text.value) : drafts.delete(thread);
  keep("drafts", { who: writer, texts: [...drafts] }, "sessionStorage");
}

let opening = 0;
/** The address of what is shown. */
let at = location.pathname + location.search;

/** Open a conversation beside the list, without a new page; where that fails, with one. */
async function open(address, push = true) {
  const number = ++opening;
  const before = tick();
  try {
    const html = await part("talk", address);
    if (number !== opening) return; // another was chosen meanwhile
    remember();
    if (push) history.pushState({ inbox: true }, "", address);
    at = location.pathname + location.search;
    put(one("#talk"), html);
    // What came in between was told to the parts that were there, not to these.
    if (tick() !== before) document.querySelectorAll("#talk [data-part]").forEach(refreshPart);
    document.body.classList.toggle("inbox-open", opened() !== null);
    retitle(one(".talk-who h1")?.textContent);
    begin();
    mark();
    // Not where a keyboard would come up over what is to be read.
    const text = matchMedia("(hover: none)").matches ? null : one("#text");
    (text ?? lines())?.focus({ preventScroll: true });
  } catch {
    if (number !== opening) return;
    remember();
    location.assign(address);
  }
}

function mark() {
  const thread = opened();
  for (const link of document.querySelectorAll(".thread")) {
    if (link.dataset.thread === thread) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.thread, a.review-link, .talk-others a");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    open(link.href);
    return;
  }
  const quick = event.target.closest("[data-quick]");
  if (quick) {
    event.preventDefault();
    insert(quick.dataset.quick);
    return;
  }
  const menu = one(".menu[open]");
  if (menu && !menu.contains(event.target)) menu.open = false;
});

/** From a notification: beside the list, so that drafts stay. */
document.addEventListener("goto", (event) => {
  if (!one("#talk") || !/^\/inbox\/\d+$/.test(event.detail)) return;
  event.preventDefault();
  open(event.detail);
});

addEventListener("popstate", () => {
  // A place in the page, such as of "Skip to content", is none of another.
  if (at === location.pathname + location.search) return;
  if (location.pathname.startsWith("/inbox") && one("#talk")) open(location.href, false);
});

// --- the answer ---------------------------------------------------------------------------------

function insert(words) {
  const text = one("#text");
  if (!text) return;
  if (text.value.trim()) {
    const gap = /\s$/.test(text.value.slice(0, text.selectionStart)) || !text.selectionStart ? "" : " ";
    text.setRangeText(gap + words, text.selectionStart, text.selectionEnd, "end");
  } else {
    text.value = words;
  }
  text.focus();
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

function grow() {
  const text = one("#compose #text");
  if (!text) return;
  if (!CSS.supports("field-sizing", "content")) text.rows = Math.min(10, Math.max(2, text.value.split("\n").length));
  if (wasAtEnd) toEnd();
}

document.addEventListener("input", (event) => {
  if (event.target.id === "text") { grow(); measure(); }
});

document.addEventListener("keydown", (event) => {
  if (event.target.id === "text" && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
  if (event.key === "Escape" && one(".menu[open]")) {
    one(".menu[open]").open = false;
    one("#talk-menu > summary")?.focus();
  }
});

function wrong(form, words) {
  const error = one("#compose-error", form);
  error.textContent = words;
  error.hidden = !words;
}

async function send(form) {
  const text = one("#text", form);
  const button = one("#send", form);
  const thread = form.dataset.thread;
  if (form.dataset.busy || !text.value.trim()) return;
  const name = one(".talk-who h1")?.textContent ?? "";
  form.dataset.busy = "1";
  button.disabled = text.readOnly = true;
  wrong(form, "");
  try {
    // The same name at a second try: what went through, and only its answer was lost, goes once.
    await api("POST", `/threads/${thread}/replies`, { text: text.value, request: form.elements.request.value });
    form.elements.request.value = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    text.value = "";
    drafts.delete(thread);
    remember();
    measure();
    grow();
    say(form.dataset.sent);
    if (opened() === thread) {
      wasAtEnd = true;
      const box = one('[data-part="lines"]');
      if (box) await refresh(box);
      toEnd();
    }
  } catch (error) {
    const words = error instanceof Refused ? error.message : form.dataset.failed;
    const now = form.isConnected ? form : one("#compose");
    // Another conversation is open: it is told there, and the text is where it was written.
    if (now) wrong(now, now === form ? words : `${name}: ${words}`);
    else say(`${name}: ${words}`);
  } finally {
    delete form.dataset.busy;
    button.disabled = text.readOnly = false;
    if (form.isConnected) text.focus();
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id === "compose") {
    event.preventDefault();
    send(form);
  } else if (form.id === "new-message") {
    if (form.dataset.busy) event.preventDefault();
    form.dataset.busy = "1";
  } else if (form.id === "search" || form.hasAttribute("data-search-older")) {
    event.preventDefault();
    find(form);
  }
});

addEventListener("beforeunload", (event) => {
  if (one("#compose #text")?.value.trim() && document.activeElement?.id === "text") event.preventDefault();
});

// --- the list -----------------------------------------------------------------------------------

const shown = () => one("#threads");

// Conversations that are found without being asked for more, and steps that are taken for them.
const ENOUGH = 40;
const STEPS = 25;
let search = 0;

const step = (form) => part("threads", form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });

async function find(form) {
  const list = shown();
  const number = ++search;
  try {
    const older = form.hasAttribute("data-search-older");
    const html = await step(form);
    if (number !== search) return;
    // What was found stays until it is cleared, whatever comes in.
    leave(list);
    if (older) more(html);
    else { put(list, html); list.scrollTop = 0; }
    for (let steps = 0; steps < STEPS; steps += 1) {
      const next = one("[data-search-older]");
      if (!next || list.querySelectorAll(".thread").length >= ENOUGH) break;
      const found = await step(next);
      if (number !== search) return;
      more(found);
    }
    mark();
    say(one(".inbox-found strong")?.textContent ?? "");
  } catch {
    if (number === search) HTMLFormElement.prototype.submit.call(form);
  }
}

/** What an older stretch of texts has, below what was found before; each conversation once. */
function more(html) {
  const list = shown();
  const added = document.createElement("div");
  put(added, html);
  const had = new Set([...list.querySelectorAll(".thread")].map((link) => link.dataset.thread));
  if (had.size === 0) { list.replaceChildren(...added.childNodes); return; }
  for (const item of added.querySelectorAll(".threads > li")) {
    if (!had.has(one(".thread", item).dataset.thread)) one(".threads", list).append(item);
  }
  one(".inbox-pager", list)?.remove();
  const pager = one(".inbox-pager", added);
  if (pager) list.append(pager);
  const count = one(".inbox-found strong", list);
  const many = list.querySelectorAll(".thread").length;
  count.textContent = (many === 1 ? count.dataset.one : count.dataset.many).replace("{count}", many);
}

// --- what comes in ------------------------------------------------------------------------------

const retitle = (name) => setTitle([...(name ? [name] : []), ...plainTitle().split(" · ").slice(-2)].join(" · "));

function badge() {
  const count = Number(one(".inbox-tabs")?.dataset.unread ?? unread ?? 0);
  if (unread !== null && count > unread) say(one(".inbox-tabs").dataset.said);
  unread = count;
}

document.addEventListener("scroll", (event) => { if (event.target === lines()) wasAtEnd = atEnd(); }, { capture: true, passive: true });

/** Somebody opted out, or in again, while it was open: what is being typed stays, and cannot be sent. */
function turn(acts) {
  const part = one('[data-part="compose"]');
  const form = one("#compose", part ?? document);
  if (!acts || !part || acts.dataset.mayAnswer !== "1") return;
  const may = acts.dataset.mayWrite === "1";
  if (form && one("#text", form).value.trim()) {
    one("#send", form).disabled = !may;
    wrong(form, may ? "" : acts.dataset.whyNot);
  } else if (may !== (form !== null)) {
    refresh(part).then(begin);
  }
}

document.addEventListener("refreshed", (event) => {
  const name = event.target.dataset.part;
  if (name === "threads") { mark(); badge(); }
  if (name === "lines" && wasAtEnd) toEnd();
  if (name === "who") {
    look();
    turn(one(".talk-acts"));
  }
});

// A tab that is hidden may be thrown away without another word.
document.addEventListener("visibilitychange", remember);
addEventListener("pagehide", remember);
document.addEventListener("visibilitychange", look);
document.addEventListener("prerenderingchange", look);
badge();
begin();
