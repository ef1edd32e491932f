// Who signed in anew in this browser is told to its other tabs: what those show may not be theirs to
// see, and their forms would be refused.

import { written } from "./forms.js";
import { hear, tell } from "./tabs.js";

/** Milliseconds until a page that came by this is taken for settled: never one after the other. */
const SETTLED = 60_000;

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content;
const csrf = meta("csrf");

const justCame = () => performance.now() < SETTLED && performance.getEntriesByType("navigation")[0]?.type === "reload";

if (csrf && meta("who")) {
  tell("session", { csrf });
  // Where something is written it stays; that it cannot be sent is said when it is.
  hear("session", (told) => {
    if (told.csrf !== csrf && !written() && !justCame()) location.reload();
  });
}
