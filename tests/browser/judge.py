"""What is asked of a page that is on the screen: axe-core, its width, its targets, its focus."""

from __future__ import annotations

from functools import cache
from typing import Any

from playwright.async_api import Page

from tests.browser.stand import AXE

_RUN = """async () => {
  const told = await axe.run(document, {resultTypes: ["violations"]});
  return told.violations.map((v) => ({
    id: v.id, impact: v.impact, help: v.help,
    nodes: v.nodes.slice(0, 4).map((n) => n.target.join(" ") + ": " + n.failureSummary),
  }));
}"""

#: What sticks out of the window, to say which it was.
_WIDE = """() => {
  const wide = document.scrollingElement.scrollWidth - innerWidth;
  if (wide <= 0) return [];
  const out = [...document.querySelectorAll("body *")].filter(
    (one) => one.getBoundingClientRect().right > innerWidth + 1 && one.checkVisibility());
  return [`${wide} px too wide`, ...out.slice(-6).map(
    (one) => `${one.tagName}.${one.className} ${one.textContent.trim().slice(0, 40)}`)];
}"""

#: Fingers need 40 px. A link inside a sentence is as high as the sentence, and may be.
_SMALL = """() => {
  const wanted = "a[href], button, input, select, textarea, summary, [role=button], [role=tab]";
  const inSentence = (one) => {
    if (one.tagName !== "A" || getComputedStyle(one).display !== "inline") return false;
    return [...one.parentElement.childNodes].some(
      (node) => node.nodeType === 3 && node.textContent.trim() !== "");
  };
  const box = (one) => {
    const of = ["checkbox", "radio"].includes(one.type) ? one.closest("label") ?? one : one;
    return of.getBoundingClientRect();
  };
  // What a finger hits 19 px beside the middle: a link may reach over its whole card.
  const reaches = (one) => {
    one.scrollIntoView({block: "center", inline: "center"});
    const {left, top, width, height} = one.getBoundingClientRect();
    return [[0, -19], [0, 19], [-15, 0], [15, 0]].every(([x, y]) => {
      const hit = document.elementFromPoint(left + width / 2 + x, top + height / 2 + y);
      return hit !== null && (one.contains(hit) || hit.closest("label")?.contains(one));
    });
  };
  return [...document.querySelectorAll(wanted)].filter((one) => {
    if (!one.checkVisibility({visibilityProperty: true}) || one.type === "hidden") return false;
    if (one.closest(".sr-only, .skip, [inert]")) return false;
    const {width, height} = box(one);
    return width > 1 && (height < 39.5 || width < 39.5) && !inSentence(one) && !reaches(one);
  }).map((one) => {
    const {width, height} = box(one);
    const words = (one.textContent || one.getAttribute("aria-label") || one.name || "").trim();
    return `${one.tagName.toLowerCase()}.${one.className} "${words.slice(0, 30)}" ` +
      `${Math.round(width)} x ${Math.round(height)}`;
  });
}"""

#: The focused element, and whether one sees that it is.
FOCUS = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  // The mark may be on what is around it (a card) or beside it (a switch): whatever is drawn
  // otherwise with the focus than without.
  const near = [one, one.nextElementSibling, one.parentElement, one.parentElement?.parentElement,
    one.closest("li, .card, label, .field")].filter(Boolean);
  const drawn = () => near.flatMap((el) => [null, "::before", "::after"].map((part) => {
    const s = getComputedStyle(el, part);
    const outline = s.outlineStyle === "none" ? "" : s.outlineWidth + s.outlineColor;
    return [outline, s.boxShadow, s.borderColor, s.backgroundColor, s.textDecorationLine].join();
  })).join("|");
  const withFocus = drawn();
  one.blur();
  const without = drawn();
  one.focus();
  const {top, left, width, height} = one.getBoundingClientRect();
  return {
    tag: one.tagName.toLowerCase(), name: one.name || "", href: one.getAttribute("href") || "",
    words: (one.getAttribute("aria-label") || one.textContent || "").trim().slice(0, 40),
    seen: withFocus !== without, id: one.id,
    shown: width > 0 && height > 0 && one.checkVisibility({visibilityProperty: true}),
    onScreen: top >= -1 && left >= -1 && top < innerHeight && left < innerWidth,
  };
}"""


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


async def accessible(page: Page, *, serious: bool = True) -> list[str]:
    """What axe-core finds that is serious or critical (else: anything at all)."""
    # By the debugger's door: the page's own policy runs no foreign script.
    await page.evaluate(_axe())
    found: list[dict[str, Any]] = await page.evaluate(_RUN)
    return [
        f"{v['impact']} {v['id']}: {v['help']}\n    " + "\n    ".join(v["nodes"])
        for v in found
        if not serious or v["impact"] in {"serious", "critical"}
    ]


async def too_wide(page: Page) -> list[str]:
    found: list[str] = await page.evaluate(_WIDE)
    return found


async def too_small(page: Page) -> list[str]:
    found: list[str] = await page.evaluate(_SMALL)
    return found
