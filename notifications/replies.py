"""What a text from a patient means, in English and Spanish: pure, and danger outranks everything."""

import re
import unicodedata
from typing import Literal

import msgspec

from notifications.answers import Answer, answer_in
from notifications.danger import either, says_danger
from notifications.hearing.opinion import Label, heard
from notifications.stopping import FILLER, asks_to_stop, goes_on, is_keyword

Meaning = Literal[
    "danger", "opt_out", "start", "help", "reading", "taken", "not_taken", "done", "booked", "not_for_me",
    "call_me", "wrong_number", "later", "other",
]  # fmt: skip

# Twilio answers these itself when they are the whole message, and then blocks or unblocks the number.
CARRIER_STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
CARRIER_START = frozenset({"START", "YES", "UNSTOP"})


class Classified(msgspec.Struct, frozen=True, kw_only=True):
    """`also` is what else the text says; all of it is acted on. `carrier_answers`: it confirms, so we must not.

    `answer` is what it says to the question after a crisis reading, when its writer was asked. `by_rules_alone`: the
    model could not be asked, so a person must read it whatever it seems to mean.
    """

    meaning: Meaning
    also: tuple[Meaning, ...] = ()
    carrier_answers: bool = False
    answer: Answer | None = None
    by_rules_alone: bool = False

    def says(self, meaning: Meaning) -> bool:
        return meaning == self.meaning or meaning in self.also


START_WORDS = {"start", "unstop", "resume", "subscribe", "empezar", "comenzar", "reanudar"}
HELP_WORDS = {"help", "info", "help me", "ayuda", "ayudame", "informacion"}
DONE_WORDS = {"done", "did it", "i did", "i did it", "completed", "finished", "hecho", "listo", "ya lo hice"}
CALL_WORDS = {"c", "call", "call me", "llamada", "llamame", "llameme"}
KEYWORDS = START_WORDS | HELP_WORDS | DONE_WORDS | CALL_WORDS

_BETWEEN = (
    r"((the|these|those|this|all|your|you|my|any|more|with|of|me|us|to|please|daily|automated"
    r"|sending|getting|receiving) )*"
)
_TEXTS = r"(texts?|texting|txts?|txting|messages?|messaging|msgs?|sms|reminding|reminders?|notifications?)"
_MENSAJES = r"(mensaj\w*|textos?|sms|recordatorios?|avisos?)"
START = either(
    rf"(start|resume|restart) {_BETWEEN}{_TEXTS}", r"text me again", r"opt (me )?(back )?in",
    rf"(quiero|deseo) (\w+ ){{0,2}}{_MENSAJES} (de nuevo|otra vez)",
)  # fmt: skip
WRONG = either(
    r"wrong (number|person)",
    r"not my (doctor|number)",
    r"numero equivocado",
    r"se equivoc\w+ de (numero|persona|telefono|celular)",
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


OF_TEXTS = either(
    r"te?xt\w*", r"me?ss?a?ge?\w*", r"msgs?", r"sms", r"send\w*", r"contact\w*", r"remind\w*", r"writ\w*", r"list",
    r"number", r"phone", r"stop (it|this|these|now)", r"bother\w*", r"leave me alone", r"mensaj\w*", r"mand\w*",
    r"envi\w*", r"escrib\w*", r"program\w*", r"recordatorio\w*", r"numero", r"lista", r"molest\w*",
    r"avis\w*", r"dej\w+ en paz",
)  # fmt: skip


def classify(text: str, *, asked: bool = False) -> Classified:
    """The meaning that matters most, and everything else the text says.

    `asked`: its writer was just asked about symptoms. Then "1", "no" and "no chest pain" say that there are none.
    """
    words = plain(text)
    answer = answer_in(text, plain) if asked else None
    danger = says_danger(words) and answer != "no_symptoms"
    # Who answers that there are symptoms is acted on by that answer: the second opinion has nothing to add.
    learned = _learned(words)
    danger = danger or (answer is None and "danger" in (learned or ()))
    found = [meaning for meaning, holds in _tests(words, text, learned or frozenset(), danger=danger) if holds]
    first, rest = (found[0], tuple(found[1:])) if found else ("other", ())
    carrier = text.strip().upper() in CARRIER_STOP | CARRIER_START
    return Classified(meaning=first, also=rest, carrier_answers=carrier, answer=answer, by_rules_alone=learned is None)


def plain(text: str) -> str:
    """Lower case, no accents, no punctuation, single spaces."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in letters if not unicodedata.combining(c) and c not in "\u200b\u200c\u200d\ufeff")
    return " ".join(re.findall(r"[a-z0-9]+", bare))


def _tests(words: str, text: str, learned: frozenset[Label], *, danger: bool) -> list[tuple[Meaning, bool]]:
    """Every meaning and whether the text has it, the most important first."""
    parts = {plain(part) for part in re.split(r"[.!?,;\n]+", text)} | {words}
    whole = parts | {" ".join(word for word in part.split() if word not in FILLER) for part in parts}
    opt_out = any(is_keyword(part) for part in parts) or _wants_no_texts(words, text, parts, learned, danger=danger)
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


def _learned(words: str) -> frozenset[Label] | None:
    """What the model hears beside the rules: nothing in a keyword, and no wish to stop in "never stop texting me".

    None when it cannot be asked, whatever ails it: the rules go on alone, for no text may be lost with it.
    """
    if words in KEYWORDS:
        return frozenset()
    try:
        return heard(words) - {"opt_out"} if goes_on(words) else heard(words)
    except Exception:
        return None


def _wants_no_texts(words: str, text: str, parts: set[str], learned: frozenset[Label], *, danger: bool) -> bool:
    """Asks us to stop, by a rule or by the model.

    Beside danger a doubtful wish counts for nothing: who says that they end it must still get our texts. Danger that
    only the model hears makes no wish doubtful which the model hears too.
    """
    doubtful = danger and (says_danger(words) or "opt_out" not in learned)
    if doubtful and OF_TEXTS.search(words) is None:
        return False
    return asks_to_stop(text, words, *parts) or "opt_out" in learned
