"""The words of stop, start and help in each language the reader knows, as people text them; data.

Only what means it beyond doubt when it is all a reply says: a word that is also an everyday answer
(`fin`, `salir`, `off`, `no`) is none. English is always read, since 47 CFR 64.1200(a)(10) names its
words; the others by `[optout] languages`. Spellings are folded before they are compared, so case,
accents, width and punctuation are left out here or not, as reads best.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One language; each entry is a whole reply."""

    stop: tuple[str, ...]
    start: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    #: Said before or after a word without changing it: "stop please".
    polite: tuple[str, ...] = ()
    #: Wherever it stands in a longer reply, a person is to look.
    doubtful: tuple[str, ...] = ()


#: What the regulation names as revocation per se, with the carriers' spellings (Twilio STOPALL,
#: OPTOUT, REVOKE; Telnyx STOP ALL; AWS REMOVE, TD for 退订).
PER_SE = (
    *("stop", "stopall", "quit", "end", "revoke", "optout", "opt out", "cancel", "unsubscribe"),
    *("remove", "unsub", "td"),
)

#: Slips of the thumb that are no words of their own. Longer words are compared by distance instead.
SLIPS = (
    *("sotp", "stpo", "tsop", "stpp", "sstop", "srop", "dtop", "ztop", "stopo", "stopl", "sttop"),
    *("stop1", "stopp", "stopplease", "pleasestop", "stopnow", "stoptexting"),
    *("stopsms", "stoptext", "qiut", "qquit", "quitt", "ednd", "cancle", "cancell", "cansel"),
    *("canel", "cancal", "cncel", "opout", "optot", "otpout", "opt ot", "opt our", "op out"),
    *("unsubscribed", "opted out", "opt put", "revok", "unsubcribe", "unsuscribe", "unsubscibe"),
)

#: Words one slip away from a short one that are words themselves: never read as it.
REAL_WORDS = frozenset(
    (
        *("shop", "step", "atop", "stoop", "slop", "strop", "stow", "stomp", "top", "stops"),
        *("stopped", "drop", "quite", "quiet", "suit", "quid", "quip", "quilt", "quits", "cancer"),
        *("canceled", "cancelled", "cancels", "remote", "remover", "removed", "removes", "moves"),
        *("evoke", "revoked", "provoke", "soap", "spot", "stock", "quart"),
    )
)

VOCABULARIES: dict[str, Vocabulary] = {
    "en": Vocabulary(
        stop=(*PER_SE, *SLIPS),
        start=(
            *("start", "unstop", "opt in", "optin", "resubscribe", "subscribe", "opt me in"),
            *("opt me back in", "start texting me again", "resume texts"),
        ),
        help=("help", "info"),
        polite=(
            *("please", "pls", "plz", "plse", "pleas", "kindly", "thanks", "thank", "you", "thx"),
            *("ty", "now", "immediately", "asap", "ok", "okay", "hi", "hello", "hey", "sir"),
            *("maam", "just", "already", "all", "forever", "fucking", "sorry", "reply", "text"),
            *("txt", "right", "away", "dear"),
        ),
    ),
    "es": Vocabulary(
        stop=(
            *("alto", "parar", "pare", "parad", "baja", "cancelar", "detener", "detente", "basta"),
            *("no más", "ya no más", "ya basta", "no más mensajes", "no más textos", "no mas sms"),
            *("dar de baja", "darme de baja", "darse de baja", "dame de baja", "denme de baja"),
            *("deme de baja", "quiero darme de baja", "deje de escribirme", "dejen de escribirme"),
            *("deja de escribirme", "no me escriba más", "no me escriban más", "no me escriban"),
            *("no me manden más mensajes", "no me mande más mensajes", "bórrenme de la lista"),
            *("no quiero más mensajes", "no quiero recibir mensajes", "quítenme de la lista"),
            *("anular suscripción", "cancelar suscripción", "desuscribir", "desuscribirme"),
        ),
        start=("iniciar", "comenzar", "reanudar"),
        help=("ayuda",),
        polite=("por", "favor", "porfavor", "porfa", "gracias", "ya", "ahora", "hola"),
        doubtful=("numero equivocado", "no me interesa", "dejen de", "deje de", "dar de baja"),
    ),
    "fr": Vocabulary(
        stop=(
            *("arrêt", "arrêter", "arrêtez", "désabonner", "désabonnement", "désinscrire"),
            *("désinscription", "me désabonner", "me désinscrire", "désabonnez-moi", "annuler"),
            *("désinscrivez-moi", "plus de messages", "plus de sms", "arrêtez de m'écrire"),
            *("stop sms", "ne m'écrivez plus", "retirez-moi de la liste"),
        ),
        start=("démarrer", "reprendre"),
        help=("aide",),
        polite=("svp", "stp", "merci", "s'il", "vous", "te", "plaît", "bonjour"),
        doubtful=("mauvais numéro", "pas intéressé", "désabonner", "désinscrire"),
    ),
    "de": Vocabulary(
        stop=(
            *("stopp", "stoppen", "abmelden", "abmeldung", "abbestellen", "austragen", "beenden"),
            *("aufhören", "hör auf", "hören sie auf", "ende", "keine sms mehr", "keine sms"),
            *("keine nachrichten mehr", "bitte abmelden", "nicht mehr schreiben", "widerruf"),
            *("schreiben sie mir nicht mehr", "ich möchte keine sms mehr", "widerrufen"),
        ),
        start=("starten", "anmelden", "wieder anmelden"),
        help=("hilfe",),
        polite=("bitte", "danke", "sofort", "jetzt", "hallo"),
        doubtful=("falsche nummer", "kein interesse", "abmelden", "abbestellen", "widerrufe"),
    ),
    "it": Vocabulary(
        stop=(
            *("ferma", "fermare", "fermate", "basta", "annulla", "cancella", "cancellami"),
            *("cancellatemi", "disiscrivi", "disiscrivimi", "disiscrizione", "basta messaggi"),
            *("niente più messaggi", "non scrivetemi più", "non scrivermi più"),
        ),
        start=("inizia", "avvia", "riprendi"),
        help=("aiuto",),
        polite=("per", "favore", "grazie", "prego", "ora", "subito"),
        doubtful=("numero sbagliato", "non mi interessa", "disiscri"),
    ),
    "pt": Vocabulary(
        stop=(
            *("parar", "pare", "parem", "cancelar", "sair", "remover", "descadastrar", "basta"),
            *("me descadastre", "não quero mais mensagens", "chega de mensagens"),
            *("sem mais mensagens", "não me mande mais mensagens", "cancelar inscrição"),
        ),
        start=("iniciar", "começar", "retomar"),
        help=("ajuda",),
        polite=("por", "favor", "obrigado", "obrigada", "agora", "já"),
        doubtful=("número errado", "não tenho interesse", "descadastrar"),
    ),
    "nl": Vocabulary(
        stop=(
            *("stoppen", "afmelden", "afmelding", "uitschrijven", "meld me af", "schrijf me uit"),
            *("geen berichten meer", "geen sms meer", "beëindigen", "ophouden", "opzeggen"),
        ),
        start=("starten", "aanmelden", "hervatten"),
        help=("hulp",),
        polite=("aub", "alstublieft", "alsjeblieft", "svp", "bedankt", "graag", "nu"),
        doubtful=("verkeerd nummer", "geen interesse", "afmelden", "uitschrijven"),
    ),
    "pl": Vocabulary(
        stop=(
            *("zatrzymaj", "wypisz", "wypisz mnie", "rezygnuję", "rezygnacja", "koniec", "anuluj"),
            *("proszę nie pisać", "nie pisz do mnie", "nie piszcie do mnie", "usuń mój numer"),
        ),
        start=("wznów", "rozpocznij"),
        help=("pomoc",),
        polite=("proszę", "dziękuję", "teraz"),
        doubtful=("zły numer", "pomyłka", "nie jestem zainteresowany"),
    ),
    "sv": Vocabulary(
        stop=("stopp", "avsluta", "avregistrera", "sluta", "inga fler sms"),
        start=("starta", "börja om"),
        help=("hjälp",),
        polite=("tack", "snälla", "nu"),
        doubtful=("fel nummer", "inte intresserad"),
    ),
    "da": Vocabulary(
        stop=("afmeld", "frameld", "afslut", "ikke flere sms", "ikke flere beskeder"),
        help=("hjælp",),
        polite=("tak", "venligst", "nu"),
        doubtful=("forkert nummer", "ikke interesseret"),
    ),
    "no": Vocabulary(
        stop=("stopp", "avslutt", "avmeld", "slutt", "ingen flere sms"),
        help=("hjelp",),
        polite=("takk", "vennligst", "nå"),
        doubtful=("feil nummer", "ikke interessert"),
    ),
    "ru": Vocabulary(
        stop=("стоп", "отписаться", "отпишите меня", "отписка", "хватит", "не пишите мне"),
        start=("старт", "подписаться"),
        help=("помощь",),
        polite=("пожалуйста", "спасибо"),
        doubtful=("ошиблись номером", "не интересует"),
    ),
    "tr": Vocabulary(
        stop=("dur", "durdur", "iptal", "ret", "mesaj istemiyorum"),
        start=("başlat",),
        help=("yardım",),
        polite=("lütfen", "teşekkürler"),
        doubtful=("yanlış numara", "ilgilenmiyorum"),
    ),
    "zh": Vocabulary(
        stop=("退订", "退訂", "停止", "取消订阅", "取消訂閱", "不要再发", "不要再發"),
        start=("开始", "開始"),
        help=("帮助", "幫助"),
        doubtful=("打错了", "打錯了"),
    ),
}
