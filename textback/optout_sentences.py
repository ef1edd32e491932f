"""English sentences about texts, as patterns over what `optout.fold` leaves of a reply; data.

Every pattern is bounded: alternatives and short repetitions of whole words, so that no reply can
take time.
"""

from __future__ import annotations

import re

_NOUN = r"(?:text|texts|txt|txts|message|messages|msg|msgs|sms|smss|texting|messaging|messages?)"
_ALL = r"(?:(?:all|any|these|those|this|the|your|more|anymore|further|future) )*"
_TO_ME = r"(?: (?:to )?(?:me|us|my (?:phone|number|cell|mobile)|this (?:phone|number)))?"
_AFTER = r"(?: (?:anymore|any more|again|ever|ever again|at all|from you|alerts?))*"
#: Ways of asking for no more texts. A reply that is one of them, politeness aside, is a stop.
_SENTENCES = (
    rf"(?:stop|quit|cease|end|cancel)(?: with)? {_ALL}{_NOUN}{_TO_ME}{_AFTER}",
    rf"(?:stop|quit) {_ALL}(?:sending|contacting|bothering|spamming|harassing)"
    rf"(?: (?:me|us))?(?: {_ALL}{_NOUN})?{_TO_ME}{_AFTER}",
    r"(?:stop|cease)(?: and desist| everything| all of (?:it|this))",
    rf"(?:do not|dont|never|not to)(?: (?:you|ever))? (?:text|txt|message|msg|sms|contact)"
    rf"(?: (?:me|us|this number|my phone))?{_AFTER}",
    rf"(?:do not|dont|never)(?: ever)? send(?: me| us)? {_ALL}{_NOUN}{_TO_ME}{_AFTER}",
    rf"no (?:more |further )?(?:texts|txts|messages|msgs|sms){_AFTER}(?: {_NOUN})?",
    r"no more (?:text|texting|message|spam|of this|of these)",
    rf"(?:do not|dont) want(?: (?:any|to (?:get|receive)))*(?: more)? {_ALL}{_NOUN}{_AFTER}",
    r"(?:take|get|remove|delete|drop|strike|scratch|pull) (?:me|us|my (?:number|name|phone number"
    r"|phone)|this number)(?: (?:off|from|of|out of)(?: (?:of|from))?(?: (?:your|the|this|that|any"
    r"|all))?(?: (?:text|texting|sms|mailing|contact|call|marketing))?"
    r"(?: (?:list|lists|database|system|contacts))?)?",
    r"(?:opt|sign) (?:me|us|this number|my number) (?:out|off)(?: of (?:this|these|all|it))?"
    rf"(?: {_NOUN})?",
    rf"(?:opt out|optout|opting out)(?: (?:of|from))?(?: {_ALL}{_NOUN})?",
    rf"unsub(?:scribe)? (?:me|us|my number|this number|from {_ALL}(?:{_NOUN}|list|it|this))",
    r"(?:i )?(?:hereby )?(?:revoke|withdraw|rescind) (?:my |all |any )?(?:consent|permission)"
    rf"(?: (?:to|for) (?:be )?(?:texted|{_NOUN}))?",
    r"leave me (?:alone|be)",
    r"lose (?:my|this) number",
    r"(?:go away|f(?:uck)? off|fuck you)(?: spam(?:mer)?)?",
)
_ASKING = (
    r"(?:(?:i|we) (?:really )?(?:want|wish|need|would like|d like)(?: you)? (?:to )?"
    r"|id like(?: you)? to |i asked you to |i said (?:to )?|i told you to |you (?:need to|must) "
    r"|(?:can|could|would|will) you |how (?:do|can) i |i am |im |i )?"
)
SENTENCE_OUT = re.compile("(?:" + "|".join(_SENTENCES) + ")")
WHOLE_SENTENCE = re.compile(_ASKING + SENTENCE_OUT.pattern)
#: With these before it, a bare word is a wish, no question.
WISH = re.compile(
    r"(?:i|we) (?:want|wish|need|would like) to |id like to |how (?:do|can) i |i |im |to "
)
WISHED = frozenset({"unsubscribe", "opt out", "optout", "unsub", "revoke"})

_STOPPERS = r"(?:stop|stopp|quit|unsubscribe|unsub|optout|opt out|revoke)"
#: These are also what a business does for its customers.
_WEAK = r"(?:end|cancel|remove)"
#: Where "stop" and its like mean something else: taken out before they are looked for.
OTHER_SENSE = re.compile(
    r"\b(?:(?:can|could|may|might|will|shall|ill|we|i|you|they|he|she|to|please|just|gonna|should)"
    r" )*stop(?:ping)? (?:by|in|over|off|at|on|near|around|for|past|there|here|round|through|down)"
    r"\b(?! now\b| once\b)"
    r"|\b(?:bus|full|non|one|pit|next|last|truck|first|rest|tram|train|metro|the|a|any|your|our"
    r"|door|back|quick|short|every|each) stops?\b|\bnonstop\b"
    r"|\bstop (?:sign|light|watch|valve|cock|leak|loss|payment|payments|work|order|date|time)s?\b"
    r"|\b(?:wont|cant|cannot|doesnt|didnt|couldnt|wouldnt|never|isnt|not|did|does|will|when|until"
    r"|it|they) (?:it |they )?stop(?:ped|s)?\b(?= \w)|\b(?:wont|cant|cannot|doesnt|didnt) stop\b"
    r"|\b(?:it|that|this|they|which|water|noise|alarm|leak|car|engine|rain) (?:will |to )?stop\b"
    r"|\bhow to stop\b|\b(?:the|week|year|month|front|back|rear|dead|high|low|far|other|at) end\b"
    r"|\bend (?:of|up|date|time|user|table|result|unit|tables)\b|\bends? (?:at|on|in|by)\b"
    r"|\bquit (?:my|smoking|drinking|job|working|claim|on)\b"
    r"|\b(?:cancel|remove|end|revoke|quit)(?: out)? (?:my|our|the|his|her|their|an?|for|on"
    r"|tomorrow|today|todays|tomorrows|this|next|appointments?|orders?|bookings?|reservations?"
    r"|appt|service|delivery|both|one|at|old|some|mold|stains?|trees?|wallpaper|snow|stumps?"
    r"|carpet|(?:that|it)(?= \w)|\d\S*|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b"
    r"(?! (?:texts?|messages?|subscription|membership|consent)\b)"
    r"|\b(?:have|had|need|want|like|going|has|must|got|asking|trying|wish) to"
    r" (?:cancel|remove|end)\b(?= \w)"
)
BEGINS = re.compile(rf"{_STOPPERS}\b(?! \d)")
ENDS = re.compile(rf"(?:^|\s){_STOPPERS}(?: (?:it|this|that|me|please|now|already))*$")
INSIDE = re.compile(rf"\b(?:{_STOPPERS}|{_WEAK})\b")
#: Words nobody uses for anything else.
TELLING = re.compile(
    r"\b(?:unsubscrib\w*|opt(?:ing|ed)? ?out|do not contact|dont contact|harass(?:ing|ment)"
    r"|spam(?:ming|mer|mers)?|tcpa|do not (?:text|call)|dont (?:text|call)|revok\w* (?:my )?consent"
    r"|cancel (?:my )?(?:subscription|membership))\b"
)
DOUBTFUL = re.compile(
    r"\b(?:stop|quit|dont|do not|never) (?:calling|call|phoning|ringing)\b"
    r"|\bwrong (?:number|person|guy|phone|num)\b|\b(?:not|never|no longer|isnt|un) ?interested\b"
    r"|\bno interest\b|\b(?:who|how) (?:gave|did) you (?:my|get my) number\b|\bnumber changed\b"
    r"|\b(?:i )?(?:did not|didnt|never) (?:sign(?:ed)? up|subscribed?|consent(?:ed)?"
    r"|ask(?:ed)? for this)\b"
    r"|\b(?:go away|make it stop|leave me alone|lose my number|off your list)\b"
    r"|\breported? (?:you|this)\b"
)
