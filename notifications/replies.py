"""What a text from a patient means, in English and Spanish: pure, and danger outranks everything."""

import re
import unicodedata
from typing import Literal

import msgspec

from notifications.answers import Answer, answer_in
from notifications.danger import either, says_danger

Meaning = Literal[
    "danger", "opt_out", "start", "help", "reading", "taken", "not_taken", "done", "booked", "not_for_me",
    "call_me", "wrong_number", "later", "other",
]  # fmt: skip

# Twilio answers these itself when they are the whole message, and then blocks or unblocks the number.
CARRIER_STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
CARRIER_START = frozenset({"START", "YES", "UNSTOP"})


class Classified(msgspec.Struct, frozen=True, kw_only=True):
    """`also` is what else the text says; all of it is acted on. `carrier_answers`: it confirms, so we must not.

    `answer` is what it says to the question after a crisis reading, when its writer was asked.
    """

    meaning: Meaning
    also: tuple[Meaning, ...] = ()
    carrier_answers: bool = False
    answer: Answer | None = None

    def says(self, meaning: Meaning) -> bool:
        return meaning == self.meaning or meaning in self.also


OPT_OUT_WORDS = {
    "stop", "stopall", "stop all", "quit", "end", "revoke", "optout", "opt out", "cancel", "unsubscribe", "unsuscribe",
    "alto", "parar", "pare", "paren", "baja", "cancelar", "detener", "terminar", "basta", "ya basta", "no mas",
    "ya no mas", "no more", "enough", "unsub", "unsubscribed", "stop everything", "full stop", "no more thanks",
    # as fingers and small keys write them
    "stpo", "sotp", "tsop", "stp", "stopp", "stoppp", "sto", "stip", "stopt", "stoop", "sttop", "s t o p", "sop",
    "unsubcribe", "unsubscibe", "unsubscrib", "unsuscribir", "cancle", "cancell", "cancela", "canceler", "quitt",
    "otp out", "opt ou", "stopall please", "atlo", "pare ya", "alto ya", "parra", "parar ya",
}  # fmt: skip
START_WORDS = {"start", "unstop", "resume", "subscribe", "empezar", "comenzar", "reanudar"}
HELP_WORDS = {"help", "info", "help me", "ayuda", "ayudame", "informacion"}
DONE_WORDS = {"done", "did it", "i did", "i did it", "completed", "finished", "hecho", "listo", "ya lo hice"}
CALL_WORDS = {"c", "call", "call me", "llamada", "llamame", "llameme"}

# Words that only wrap a keyword: "please STOP now thank you" is STOP.
FILLER = {
    "please", "pls", "plz", "thanks", "thank", "you", "now", "it", "this", "that", "ok", "okay", "hi", "hello",
    "por", "favor", "gracias", "ahora", "esto", "eso", "hola", "immediately", "already",
}  # fmt: skip

_BETWEEN = (
    r"((the|these|those|this|all|your|you|my|any|more|with|of|me|us|to|please|daily|automated"
    r"|sending|getting|receiving) )*"
)
_TEXTS = (
    r"(texts?|texting|txts?|txting|messages?|messaging|msgs?|sms|contacting|calling|reminding|reminders?"
    r"|bothering|writing|notifications?)"
)
_NEVER = r"(do not|don ?t|dont|never) (ever )?"
_MENSAJES = r"(mensaj\w*|textos?|sms|recordatorios?|avisos?)"
OPT_OUT = either(
    rf"(stop|quit|cease|end|cancel|no more|enough|without) {_BETWEEN}{_TEXTS}", rf"{_NEVER}want {_BETWEEN}{_TEXTS}",
    r"(stop|quit) (sending|reaching|bugging|pestering|spamming|harassing) (me|us|these|this|those|out)",
    r"(no longer|do not|don ?t) (want|wish) (to )?(get|receive|hear|be (text\w*|contacted|messaged|called|on))",
    r"(do not|don ?t|dont) (text|txt|message|contact) (anymore|any more|again|ever)", r"(lose|forget) my number",
    r"(withdraw|revok\w+|take back) (my )?(consent|permission)", r"(do not|don ?t|no longer) consent", r"stop this now",
    rf"(done|sick|tired|fed up) (with|of) {_BETWEEN}{_TEXTS}", r"off (of )?(your|this|the) (\w+ )?list",
    rf"{_NEVER}(text|txt|message|contact|call|send|remind|bother) (me|us|this (number|phone))",
    r"(take|remove|delete|drop) (me|my (number|name|phone)) (off|from)", r"take me off", r"remove me",
    r"(remove|delete) my number", r"leave me alone", r"opt (me )?out", r"opting out", r"unsubscribe",
    r"revoke (my )?(consent|permission)",
    r"no (me |nos )?(mand(e|en|es)|envi(e|en|es)|escrib(a|an|as)|contact(e|en|es)|molest(e|en|es)|llam(e|en))",
    rf"no (quiero|deseo) (\w+ ){{0,3}}{_MENSAJES}", rf"basta de {_MENSAJES}", rf"no mas {_MENSAJES}",
    r"(deje\w*|deja|paren?) de (mand\w+|envi\w+|escrib\w+|molest\w+|contact\w+|text\w+|llam\w+)",
    r"no (me )?(mand|envi|escrib)\w+ (mas|nada|otro)",
    r"no (quiero|deseo) que (me )?(\w+ )?(escrib|mand|envi|contact|llam|text)\w+",
    r"(no (quiero|deseo)|dejar de) recibir", r"(ya )?(paren|dejen|basta) (ya|con|de esto|de eso)",
    r"(saque\w*|quite\w*|elimine\w*|borre\w*)(me)? de (la|su|esta) lista", r"cancel\w+ (mi |la )?suscripcion",
    r"(darme|dame|denme|dar) de baja", r"(borr|elimin|quit)\w+ mi numero", r"borrenme", r"quitenme",
)  # fmt: skip
GOES_ON = re.compile(r"\b(do not|don ?t|dont|never|no) (stop|quit|cancel|pare|paren|dejen|deje) (\w+ ){0,2}\w+")
JUST_DO_NOT = re.compile(r"(do not|don ?t|dont) (text|contact|message|call)")
START = either(
    rf"(start|resume|restart) {_BETWEEN}{_TEXTS}", r"text me again", r"opt (me )?(back )?in",
    rf"(quiero|deseo) (\w+ ){{0,2}}{_MENSAJES} (de nuevo|otra vez)",
)  # fmt: skip
WRONG = either(
    r"wrong (number|person)",
    r"not my (doctor|number)",
    r"numero equivocado",
    r"se equivoc\w+",
    r"no soy (yo|esa persona)",
)
BOOKED = either(
    r"booked", r"scheduled", r"(have|got|made) an? (\w+ )?(appointment|appt)", r"tengo (una )?cita",
    r"(hice|saque) (una |la )?cita", r"agend(e|ado|ada)",
)  # fmt: skip
DONE = either(
    r"(i |we )?(have |ve )?(already )?(had|did|done|completed|finished|got) "
    r"(it|that|this|mine|my (\w+ )?(test|screening|exam\w*|check\w*|scan|mammogra\w+|colonoscop\w+))",
    r"all done", r"it is done", r"it s done", r"already (had|did|done)", r"(ya )?(me )?(lo |la )?hice",
    r"ya (me )?(lo |la )?(hicieron|he hecho)", r"ya esta hecho",
)  # fmt: skip
READING = re.compile(
    r"\b\d{2,3} ?(/|over|sobre|-) ?\d{2,3}\b"
    r"|\b(bp|pressure|presion|sugar|azucar|glucose|glucosa|weight|peso|oxygen|oxigeno|spo2|temp|pulse|pulso)\b\D{0,15}\d{2,3}"
)
NOT_TAKEN = either(
    r"(did not|didn ?t|have not|haven ?t|not) (\w+ )?(take|taken|took)\b", r"(forgot|missed|skipped|ran out)",
    r"no (me )?(la |lo |las |los )?(he )?tom(e|ado|ada)", r"se me olvido", r"olvide tomar\w*",
)  # fmt: skip
TAKEN = either(
    r"(i |ive |i ve |have |just |already )*(took|taken)( (it|them|my|the|both|all))?",
    r"ya (me )?(la |lo |las |los )?tome", r"tomad[oa]s?",
)  # fmt: skip
NOT_FOR_ME = either(
    r"not for me", r"not interested", r"no thank(s| you)", r"(do not|don ?t) need (it|this|one|that)", r"no es para mi",
    r"no me interesa", r"no gracias", r"no lo necesito",
)  # fmt: skip
LATER = either(
    r"later", r"remind me", r"not now", r"tomorrow", r"next (week|month|year)", r"mas tarde", r"despues", r"luego",
    r"manana", r"ahora no", r"otro dia",
)  # fmt: skip
CALL = either(
    r"(please |can (you|someone|somebody) )?(call|phone|ring) me( back)?",
    r"llam(a|e|en)me",
    r"me (puede|pueden) llamar",
)
NOT_YET = either(
    r"not", r"haven ?t", r"hasn ?t", r"didn ?t", r"don ?t", r"never", r"will", r"ll", r"going to", r"gonna", r"cannot",
    r"can ?t", r"if", r"when", r"should", r"unless", r"until", r"needs? to", r"want to",
    r"todavia", r"aun", r"cuando", r"voy a", r"no",
)  # fmt: skip


def classify(text: str, *, asked: bool = False) -> Classified:
    """The meaning that matters most, and everything else the text says.

    `asked`: its writer was just asked about symptoms. Then "1", "no" and "no chest pain" say that there are none.
    """
    words = plain(text)
    answer = answer_in(text, plain) if asked else None
    danger = says_danger(words) and answer != "no_symptoms"
    found = [meaning for meaning, holds in _tests(words, text, danger=danger) if holds]
    first, rest = (found[0], tuple(found[1:])) if found else ("other", ())
    carrier = text.strip().upper() in CARRIER_STOP | CARRIER_START
    return Classified(meaning=first, also=rest, carrier_answers=carrier, answer=answer)


def plain(text: str) -> str:
    """Lower case, no accents, no punctuation, single spaces."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in letters if not unicodedata.combining(c) and c not in "\u200b\u200c\u200d\ufeff")
    return " ".join(re.findall(r"[a-z0-9]+", bare))


def _tests(words: str, text: str, *, danger: bool) -> list[tuple[Meaning, bool]]:
    """Every meaning and whether the text has it, the most important first."""
    parts = {plain(part) for part in re.split(r"[.!?,;\n]+", text)} | {words}
    whole = parts | {" ".join(word for word in part.split() if word not in FILLER) for part in parts}
    opt_out = bool(whole & OPT_OUT_WORDS) or _asks_to_stop(words)
    settled = "?" not in text and NOT_YET.search(words) is None
    booked = settled and BOOKED.search(words) is not None
    done = settled and not booked and (bool(whole & DONE_WORDS) or DONE.search(words) is not None)
    not_taken = NOT_TAKEN.search(words) is not None and "?" not in text
    return [
        ("danger", danger),
        ("opt_out", opt_out),
        ("wrong_number", WRONG.search(words) is not None),
        ("start", not opt_out and (bool(whole & START_WORDS) or START.search(words) is not None or words == "yes")),
        ("help", bool(whole & HELP_WORDS)),
        ("call_me", not opt_out and (bool(whole & CALL_WORDS) or CALL.search(words) is not None)),
        ("booked", booked),
        ("done", done),
        ("not_taken", not_taken),
        ("taken", not done and not not_taken and settled and TAKEN.search(words) is not None),
        ("reading", READING.search(text.casefold()) is not None),
        ("not_for_me", NOT_FOR_ME.search(words) is not None),
        ("later", LATER.search(words) is not None),
    ]


def _asks_to_stop(words: str) -> bool:
    words = GOES_ON.sub(" ", words)
    return OPT_OUT.search(words) is not None or JUST_DO_NOT.fullmatch(words) is not None
