"""What people write after a text: conversations as scripts, with their pauses."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """One text of a conversation, or one thing done in it."""

    wait: float  #: minutes after the one before
    who: str  #: "in": the caller; "out": the business
    text: str
    word: str = ""  #: "stop", "help": what it asks for
    review: bool = False  #: it may be an opt-out
    keyword: str = ""  #: name of the [[keyword]] it fits


def _talk(*lines: tuple[float, str, str]) -> tuple[Line, ...]:
    return tuple(Line(*line) for line in lines)


CONVERSATIONS: tuple[tuple[Line, ...], ...] = (
    _talk(
        (3, "in", "Hi, I'd like to move my cleaning on Thursday to next week if possible"),
        (6, "out", "Of course! We have Tuesday 10:30 or Wednesday 3:15. Which one suits you?"),
        (2, "in", "Wednesday 3:15 please"),
        (4, "out", "Done: Wednesday at 3:15 with Dr. Lee. See you then!"),
        (1, "in", "Thank you 😊"),
    ),
    _talk(
        (1, "in", "do you take Aetna?"),
        (9, "out", "Yes, we do. Would you like us to book a first visit?"),
        (25, "in", "yes, mornings are best for me"),
        (12, "out", "How about Monday at 8:45? It takes about an hour, X-rays included."),
    ),
    _talk(
        (2, "in", "A crown came off while eating. It does not hurt but I can feel the edge"),
        (3, "out", "Sorry to hear that! Please keep the crown. Can you come in today at 4?"),
        (1, "in", "Yes, on my way after work. Thanks so much"),
        (2, "out", "Perfect. Ring the bell on the left, the front door closes at 4."),
    ),
    _talk(
        (4, "in", "Just returning your call about the invoice"),
        (15, "out", "Thank you, it was about the second page: your insurance paid the rest."),
        (3, "in", "great, so nothing due from me?"),
        (2, "out", "Nothing due. You get it in writing this week."),
        (1, "in", "👍"),
    ),
    _talk(
        (7, "in", "Hola, ¿tienen una cita para mi hija? Tiene 7 años y le duele una muela"),
        (5, "out", "¡Hola! Sí, mañana a las 9:20. ¿Le viene bien?"),
        (2, "in", "Sí, muchas gracias. ¿Dónde puedo aparcar?"),
        (6, "out", "Hay un garaje en la calle 3, justo al lado. ¡Hasta mañana!"),
    ),
    _talk(
        (2, "in", "Is the office open on Friday?"),
        (11, "out", "We are open from 8 to 1 on Friday. The week after as usual."),
    ),
    _talk(
        (
            1,
            "in",
            "Hello, this is the lab. The impressions of case 4471 arrived damaged, the lower arch "
            "is cracked right through. Could somebody send a new scan today? We would still make "
            "Thursday then, otherwise it is going to be Monday or Tuesday of next week.",
        ),
        (22, "out", "Thanks for telling us. A new scan is in your portal now."),
        (4, "in", "Got it. Thursday stands."),
    ),
    _talk((12, "in", "wrong number sorry")),
    _talk(
        (2, "in", "Call me back please, thanks"),
    ),
    _talk((5, "in", "Can I get a copy of my X-rays?")),
    _talk(
        (3, "in", "What does whitening cost?"),
        (8, "out", "It is $320 for both arches, and about an hour. Shall we book you in?"),
        (180, "in", "Let me think about it, thank you"),
    ),
)
URGENT = (
    Line(1, "in", "URGENT my son knocked out a front tooth", keyword="urgent"),
    Line(2, "out", "Keep it in milk and come straight in, Dr. Lee is waiting for you."),
    Line(1, "in", "coming, 15 min"),
)
STOPS = ("STOP", "Stop", "stop please", "STOP texting me", "Unsubscribe")
STOP = (Line(2, "in", "STOP", word="stop"),)
HELP = (Line(3, "in", "HELP", word="help"),)
DOUBTFUL = (Line(4, "in", "please dont text me at work, only call", review=True),)
#: What an attacker writes, or a child: it is to be shown, and to do nothing.
HOSTILE = (
    "<script>alert(document.domain)</script><img src=x onerror=alert(1)>",
    "\u202etxet desrever \u202c {{7*7}} ${7*7} '; DROP TABLE calls;--",
)
