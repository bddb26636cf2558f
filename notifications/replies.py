"""What a text from a patient means, in English and Spanish: pure, and danger outranks everything."""

import re
import unicodedata
from typing import Literal

import msgspec

Meaning = Literal[
    "danger", "opt_out", "start", "help", "reading", "taken", "not_taken", "done", "booked", "not_for_me",
    "call_me", "wrong_number", "later", "other",
]  # fmt: skip

# Twilio answers these itself when they are the whole message, and then blocks or unblocks the number.
CARRIER_STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
CARRIER_START = frozenset({"START", "YES", "UNSTOP"})


class Classified(msgspec.Struct, frozen=True, kw_only=True):
    """`also` is what else the text says; all of it is acted on. `carrier_answers`: it confirms, so we must not."""

    meaning: Meaning
    also: tuple[Meaning, ...] = ()
    carrier_answers: bool = False

    def says(self, meaning: Meaning) -> bool:
        return meaning == self.meaning or meaning in self.also


def _either(*patterns: str) -> re.Pattern[str]:
    """Any of these, as whole words of a text in lower case without accents and punctuation."""
    return re.compile(rf"\b({'|'.join(patterns)})\b")


# A sentence that denies danger ("no chest pain") still reaches a nurse: a call too many costs a minute.
DANGER = _either(
    r"chest (pains?|hurts?|pressure|tight\w*)", r"heart attack", r"stroke", r"face (is )?droop\w*", r"numb(ness)?",
    r"(can ?t|cannot|can not|hard to|trouble|difficulty|struggling to|short(ness)? of) breath\w*", r"slurr\w*",
    r"faint\w*", r"pass(ed|ing)? out", r"collaps\w*", r"unconscious", r"seizure", r"bleeding", r"overdos\w*",
    r"(i|he|she|have|just|ve|has) (fell|fallen)(?! (asleep|behind))", r"fallen and", r"emergency", r"ambulance", r"911",
    r"suicid\w*", r"(kill|hurt|harm)(ing)? my ?self", r"want to die", r"end my life", r"dying",
    r"(do not|don ?t) want to live",
    r"dolor (de|en el) pecho", r"me duele el pecho", r"opresion en el pecho", r"infarto", r"derrame", r"convulsi\w*",
    r"no puedo respirar", r"(me )?falta(ndo)? (el |de )?aire", r"me ahogo", r"cuesta respirar", r"sangr(o|ando|ado)",
    r"desmay\w*", r"inconsciente", r"me cai", r"se cayo", r"me he caido", r"sobredosis", r"matarme", r"me muero",
    r"quiero morir\w*", r"quitarme la vida", r"no quiero vivir", r"emergencia", r"ambulancia", r"auxilio", r"socorro",
)  # fmt: skip

OPT_OUT_WORDS = {
    "stop", "stopall", "stop all", "quit", "end", "revoke", "optout", "opt out", "cancel", "unsubscribe", "unsuscribe",
    "alto", "parar", "pare", "baja", "cancelar", "detener", "terminar",
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
OPT_OUT = _either(
    rf"(stop|quit|cease|end|cancel|no more|enough|without) {_BETWEEN}{_TEXTS}", rf"{_NEVER}want {_BETWEEN}{_TEXTS}",
    r"(stop|quit) (sending|reaching) (me|us|these|this|those|out)",
    rf"{_NEVER}(text|txt|message|contact|call|send|remind|bother) (me|us|this (number|phone))",
    r"(take|remove|delete|drop) (me|my (number|name|phone)) (off|from)", r"take me off", r"remove me",
    r"(remove|delete) my number", r"leave me alone", r"opt (me )?out", r"opting out", r"unsubscribe",
    r"revoke (my )?(consent|permission)",
    r"no (me |nos )?(mand(e|en|es)|envi(e|en|es)|escrib(a|an|as)|contact(e|en|es)|molest(e|en|es)|llam(e|en))",
    rf"no (quiero|deseo) (\w+ ){{0,3}}{_MENSAJES}", rf"basta de {_MENSAJES}",
    r"(deje\w*|deja|paren?) de (mand\w+|envi\w+|escrib\w+|molest\w+|contact\w+|text\w+|llam\w+)",
    r"(darme|dame|denme|dar) de baja", r"(borr|elimin|quit)\w+ mi numero", r"borrenme", r"quitenme",
)  # fmt: skip
JUST_DO_NOT = re.compile(r"(do not|don ?t|dont) (text|contact|message|call)")
START = _either(
    rf"(start|resume|restart) {_BETWEEN}{_TEXTS}", r"text me again", r"opt (me )?(back )?in",
    rf"(quiero|deseo) (\w+ ){{0,2}}{_MENSAJES} (de nuevo|otra vez)",
)  # fmt: skip
WRONG = _either(
    r"wrong (number|person)",
    r"not my (doctor|number)",
    r"numero equivocado",
    r"se equivoc\w+",
    r"no soy (yo|esa persona)",
)
BOOKED = _either(
    r"booked", r"scheduled", r"(have|got|made) an? (\w+ )?(appointment|appt)", r"tengo (una )?cita",
    r"(hice|saque) (una |la )?cita", r"agend(e|ado|ada)",
)  # fmt: skip
DONE = _either(
    r"(i |we )?(have |ve )?(already )?(had|did|done|completed|finished|got) "
    r"(it|that|this|mine|my (\w+ )?(test|screening|exam\w*|check\w*|scan|mammogra\w+|colonoscop\w+))",
    r"all done", r"it is done", r"it s done", r"already (had|did|done)", r"(ya )?(me )?(lo |la )?hice",
    r"ya (me )?(lo |la )?(hicieron|he hecho)", r"ya esta hecho",
)  # fmt: skip
CALL = _either(
    r"(please |can (you|someone|somebody) )?(call|phone|ring) me( back)?",
    r"llam(a|e|en)me",
    r"me (puede|pueden) llamar",
)
NOT_YET = _either(
    r"not", r"haven ?t", r"hasn ?t", r"didn ?t", r"don ?t", r"never", r"will", r"ll", r"going to", r"gonna", r"cannot",
    r"can ?t", r"if", r"when", r"should", r"unless", r"until", r"needs? to", r"want to",
    r"todavia", r"aun", r"cuando", r"voy a", r"no",
)  # fmt: skip


def classify(text: str) -> Classified:
    """The meaning that matters most, and everything else the text says."""
    words = plain(text)
    found = [meaning for meaning, holds in _tests(words, text) if holds]
    first, rest = (found[0], tuple(found[1:])) if found else ("other", ())
    return Classified(meaning=first, also=rest, carrier_answers=text.strip().upper() in CARRIER_STOP | CARRIER_START)


def plain(text: str) -> str:
    """Lower case, no accents, no punctuation, single spaces."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in letters if not unicodedata.combining(c) and c not in "\u200b\u200c\u200d\ufeff")
    return " ".join(re.findall(r"[a-z0-9]+", bare))


def _tests(words: str, text: str) -> list[tuple[Meaning, bool]]:
    """Every meaning and whether the text has it, the most important first."""
    parts = {plain(part) for part in re.split(r"[.!?,;\n]+", text)} | {words}
    either = parts | {" ".join(word for word in part.split() if word not in FILLER) for part in parts}
    opt_out = bool(either & OPT_OUT_WORDS) or _asks_to_stop(words)
    settled = "?" not in text and NOT_YET.search(words) is None
    booked = settled and BOOKED.search(words) is not None
    return [
        ("danger", DANGER.search(words) is not None),
        ("opt_out", opt_out),
        ("wrong_number", WRONG.search(words) is not None),
        ("start", not opt_out and (bool(either & START_WORDS) or START.search(words) is not None or words == "yes")),
        ("help", bool(either & HELP_WORDS)),
        ("call_me", not opt_out and (bool(either & CALL_WORDS) or CALL.search(words) is not None)),
        ("booked", booked),
        ("done", settled and not booked and (bool(either & DONE_WORDS) or DONE.search(words) is not None)),
    ]


def _asks_to_stop(words: str) -> bool:
    return OPT_OUT.search(words) is not None or JUST_DO_NOT.fullmatch(words) is not None
