"""Typographic characters and what may stand for them so that a text stays within GSM 03.38.

Only what word processors and telephone keyboards slip in: nobody misses it, and one of them would
make the whole text UCS-2, with 70 characters instead of 160. Letters are never changed: a name
without its accent is another name.
"""

from __future__ import annotations

_GROUPS: tuple[tuple[str, str], ...] = (
    ("‘’‚‛′‵`´ʹʻʼʽˈ‹›", "'"),
    ("“”„‟″‶«»〝〞", '"'),
    ("‐‑‒–—―−⁃﹘﹣－", "-"),
    ("…", "..."),
    ("‥", ".."),
    # no-break, figure, thin... and ideographic space; tab
    ("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a", " "),
    ("\u202f\u205f\u3000\t", " "),
    # line and paragraph separator, next line, vertical tab
    ("\u2028\u2029\u0085\v", "\n"),
    # soft hyphen, zero-width space and joiners, direction marks, word joiner, byte order mark,
    # variation selectors 15 and 16
    ("\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e", ""),
    ("\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff\ufe0e\ufe0f", ""),
    # control characters have no business in a text; CR, LF and FF are in the alphabet
    ("".join(map(chr, (*range(0x09), *range(0x0E, 0x20), 0x7F))), ""),
    ("•‣·∙●", "*"),
    ("⁄∕", "/"),
    ("∶：", ":"),
    ("⁓∼", "~"),
    ("ﬀ", "ff"),
    ("ﬁ", "fi"),
    ("ﬂ", "fl"),
    ("ﬃ", "ffi"),
    ("ﬄ", "ffl"),
    ("™", "(TM)"),
    ("®", "(R)"),
    ("©", "(C)"),
    ("№", "No."),
    ("½", "1/2"),
    ("¼", "1/4"),
    ("¾", "3/4"),
)

#: For `str.translate`.
STAND_INS = {ord(char): stand_in for chars, stand_in in _GROUPS for char in chars}
