"""Replies as people write them, and what each of them asks for: the reader's measure."""

from __future__ import annotations

#: The whole reply asks for no more texts.
STOPS = (
    # the words of 47 CFR 64.1200(a)(10), with the carriers' spellings
    *("stop", "quit", "END", "Revoke", "opt out", "cancel", "UNSUBSCRIBE", "STOPALL", "stop all"),
    *("optout", "opt-out", "OPT_OUT", "remove", "unsub"),
    # as phones and thumbs write them
    *("Stop!", " stop. ", '"STOP"', "S T O P", "s.t.o.p", "ＳＴＯＰ", "🛑 STOP 🛑", "st\u200bop"),
    *("\ufeffSTOP", "«stop»", "STOOOOP", "stopp", "sotp", "ST0P", "St\u043ep", "stop\n", "STOP?"),
    *("unsubscibe", "unsubscrbe", "unsubscribed", "usubscribe", "cancle", "qiut", "stop1"),
    *("STOP\nSent from my iPhone", "stop.\n\nGet Outlook for Android"),
    # with politeness, doubled, joined
    *("stop please", "Please stop", "pls stop", "stop thanks", "Stop, thank you!", "stop stop"),
    *("STOP STOP STOP!!!", "ok stop", "please just stop", "STOP, END, QUIT", "stop now"),
    *("Reply STOP", "STOP to end", "STOP to opt out", "stop and unsubscribe", "please unsubscribe"),
    # sentences
    *("stop texting me", "Please stop texting me", "STOP TEXTING ME NOW!!", "Stop texting"),
    *("stop messaging me", "stop sending me texts", "please stop sending messages to my phone"),
    *("stop sending me these messages", "stop all messages", "stop sms", "stop these texts"),
    *(
        "can you please stop texting me",
        "could you stop sending these messages",
        "stop spamming me",
    ),
    *("I want you to stop texting me", "quit texting me", "cease and desist", "stop contacting me"),
    *(
        "do not text me",
        "don't text me again",
        "Don\u2019t text",
        "dont contact me",
        "never text me",
    ),
    *("please do not message me anymore", "don't send me any more texts", "no more texts"),
    *("No more messages please", "no more texting", "no texts", "no more spam"),
    *("I don't want any more texts", "I do not want to receive texts", "i dont want these texts"),
    *("remove me", "Remove me from your list", "please remove my number", "take me off your list"),
    *("take me off this list please", "take me off", "delete my number", "get me off your list"),
    *("Please remove me from your texting list", "take my number off your list", "opt me out"),
    *("I want to opt out", "I'd like to unsubscribe", "how do I unsubscribe", "unsubscribe me"),
    *("opt out of texts", "sign me off", "I revoke my consent", "revoke consent to text"),
    *("leave me alone", "lose my number", "cancel texts", "cancel all messages", "end texts"),
)
#: Of the business's customers, or of nobody: no opt-out, and no reason for anybody to look.
NONES = (
    *("", " ", "1", "yes", "YES please", "no", "no thanks", "No thank you", "ok", "Thanks!", "👍"),
    # stop
    *("Stop by at 5?", "can you stop by tomorrow", "I'll stop in later", "we stopped by earlier"),
    *("Could you stop over at the house Monday", "Is there a bus stop", "where is the bus stop"),
    *("nonstop", "Is there a one stop shop", "full stop", "truck stop 12", "pit stop"),
    *("My toilet won't stop running", "the water doesn't stop", "my car wont stop making noise"),
    *("how to stop a leak", "can you stop the leak", "Does the shuttle stop at the hotel?"),
    *("It won't stop raining, can we move to Friday?", "he couldn't stop smiling, thank you"),
    *("shop", "step", "top", "stopped", "Stomp", "spot", "soap"),
    # cancel, end, quit, remove
    *("cancel my appointment", "please cancel my appointment for Monday", "Can I cancel my 3pm"),
    *("I need to cancel tomorrow", "We need to cancel Thursday", "cancel today's appt"),
    *(
        "cancel order 1234",
        "Can you remove a tree?",
        "remove stumps?",
        "cancer screening",
        "cancer",
    ),
    *("do you remove wallpaper", "Need my wisdom tooth removed", "quit smoking program price?"),
    *("the end", "end of the week", "by end of day", "at the end of the month works", "weekend"),
    *(
        "Friday ends at 5",
        "when does the sale end",
        "my front end is making noise",
        "quite",
        "Quiet",
    ),
    # start, help, info
    *(
        "starting",
        "i want to start next week",
        "How do i start",
        "When can you start?",
        "I need help",
    ),
    *("help me", "can you help me", "help please", "information", "info on pricing please"),
    # our own words, sent back
    "Liked “Hi there, this is Acme. Reply STOP to get no more texts.”",
    'Loved "Hi, this is Acme Dental. Reply STOP to get no more texts."',
    "Laughed at “Sorry we missed your call. Reply STOP to get no more texts.”",
    "Reacted 👍 to “Sorry we missed you. Reply STOP to opt out”",
    "Yes at 5\n> Sorry we missed your call. Reply STOP to get no more texts.",
    # questions and answers
    *("who is this", "Who's this?", "new phone who dis", "please call me", "Call me back", "in"),
    *("I'd like a quote", "what time do you close", "I have a question", "Sorry wrong button"),
    *("don't worry", "and", "send", "off", "Bob", "Ed", "I'm interested", "call me at 2125550123"),
    *("Can't talk, text me", "text me the address", "send me a text tomorrow", "message me later"),
)
#: A reasonable reader might take it for an opt-out: a person is to look.
REVIEWS = (
    *(
        "can you stop",
        "you can stop",
        "don't stop",
        "I quit",
        "quit it",
        "stop it",
        "Please stop it",
    ),
    *(
        "I said stop",
        "should i stop",
        "ok so stop",
        "cancel it",
        "no stop",
        "STOP John",
        "make it stop",
    ),
    *("STOP. I never signed up for this", "stop or I report you", "Stop harassing my wife"),
    *("stop calling", "Stop calling me", "do not call me", "don't call me again", "quit calling"),
    *("not interested", "Not interested, thanks", "no longer interested", "wrong number"),
    *("Wrong number sorry", "you have the wrong person", "Who gave you my number"),
    *("how did you get my number", "I did not sign up for this", "I never consented"),
    *("This is harassment", "spam", "This is spam", "Reported you", "cancel my subscription"),
    "I already told you to stop texting me or I will sue",
    "My ex won't stop texting me, need a lawyer",
    "we are on the do not call list, see you in court under the TCPA",
    *(
        "stip",
        "stap",
        "cancek",
        "🛑",
        "🚫🚫",
        "unsubscribe from the newsletter or what?",
        "go away now",
    ),
)
STARTS = (
    *("start", "START", "Start.", "unstop", "UNSTOP!", "opt in", "opt-in", "optin", "start please"),
    *("Reply START", "subscribe", "opt me back in", "start texting me again", "S T A R T"),
)
HELPS = ("help", "HELP", "Help?", "info", "INFO.", "H E L P", "ｈｅｌｐ")

#: By language: stops, and what is none in it.
OTHERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "es": (
        ("ALTO", "No más", "no mas!", "baja", "Cancelar", "parar por favor", "Stop por favor"),
        ("el alto de la mesa", "quiero cancelar mi cita", "mi baja médica", "gracias", "sí"),
    ),
    "fr": (
        ("ARRÊT", "arret", "arrêter svp", "Désabonner", "me desabonner", "plus de SMS"),
        ("annuler mon rendez-vous", "merci", "l'arrêt de bus", "svp", "stp rappelez-moi"),
    ),
    "de": (
        ("Stopp", "abmelden", "Bitte abmelden", "keine SMS mehr", "ABBESTELLEN", "hör auf"),
        ("Wo ist das Ende der Straße", "danke", "Termin absagen", "am Ende der Woche"),
    ),
    "it": (
        ("ferma", "BASTA", "annulla", "cancellami", "basta messaggi"),
        ("annulla il mio appuntamento", "grazie", "dove si ferma il bus"),
    ),
    "pt": (
        ("PARAR", "sair", "descadastrar", "não quero mais mensagens", "Cancelar por favor"),
        ("quero cancelar minha consulta", "obrigado", "onde posso parar o carro"),
    ),
    "nl": (
        ("stoppen", "AFMELDEN", "uitschrijven aub", "geen berichten meer"),
        ("ik wil mijn afspraak verzetten", "bedankt", "bij de halte"),
    ),
    "pl": (
        ("wypisz mnie", "WYPISZ", "zatrzymaj", "rezygnuję", "proszę nie pisać"),
        ("proszę o kontakt", "dziękuję", "do końca tygodnia"),
    ),
    "sv": (("STOPP", "avsluta"), ("tack", "hej då")),
    "da": (("afmeld", "ikke flere sms"), ("tak", "hej")),
    "no": (("stopp", "avmeld"), ("takk", "hei")),
    "ru": (("СТОП", "отписаться", "Стоп, пожалуйста"), ("спасибо", "позвоните мне")),
    "tr": (("iptal", "İPTAL", "dur"), ("teşekkürler", "randevu")),
    "zh": (("退订", "退訂", "TD", "停止"), ("谢谢", "请回电")),
}
