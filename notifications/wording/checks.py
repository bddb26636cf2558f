"""What a clinic's own words must keep: the emergency number, the way out, what replies mean, nothing of health."""

import re
import string
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from notifications.reading_level import Level, level
from notifications.replies import classify, plain
from notifications.segments import Cost, cost, outside
from notifications.wording import Language, Wording, catalogue

LONGEST: Final = 1000  # characters; what is spoken or mailed is not billed by segments
MOST_SEGMENTS: Final = 2
SPOKEN: Final = ("call_", "say_", "email_")

# Words that carriers take for themselves (CTIA, Twilio's default keywords), and Spanish ones that we take.
CARRIERS: Final = {
    "STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "START", "YES", "UNSTOP", "HELP",
    "INFO", "ALTO", "PARAR",
}  # fmt: skip
ENDS: Final = re.compile(r"\bSTOP (?:to (?:end|stop|opt out|unsubscribe)|para (?:terminar|no recibir|dejar|salir))\b")
REPLY: Final = re.compile(
    r"(?:\b(?:reply|text|answer|send|press|respond|responda|conteste|mande|env[ií]e|marque|escriba|oprima|pulse)\b)"
    r"(?:\s+(?:with|con|back|the\s+word|la\s+palabra|us|nos))*\s+[\"'“«]?(\w+)",
    re.IGNORECASE,
)
SHOUTED: Final = re.compile(r"\b[A-Z]{2,}\b")
CALLS_911: Final = {"en": r"\bcall 911\b", "es": r"\bllam\w+ al 911\b"}
AT_ONCE: Final = {
    "en": r"\bcall 911 (?:now|right away|at once)\b",
    "es": r"\bllam\w+ al 911 (?:ahora|ya|de inmediato)\b",
}
NOT_911: Final = {
    "en": r"\b(?:not|never|don['’]?t|without|avoid|instead of) (?:[a-z]+ ){0,4}call(?:ing)? 911",
    "es": r"\b(?:no|nunca|sin|evite|en vez de) (?:[a-záéíóúñ]+ ){0,4}llam\w+ al 911",
}
# What tells why somebody is a patient, as plain() leaves it (no accents): beginnings of words, and whole words.
HEALTH: Final = tuple(
    """
    diabet insulin metformin statin cancer tumor pregnan embaraz depress depresi anxiet ansiedad psych psiq addict
    adicc alcohol tobacco tabaco smok fuma hypertens hipertens pressure presion glucose glucosa sugar azucar cholest
    colest mammo mamog breast colono colorect prostat papani cervic hepat asthma asma heart corazon cardi kidney
    rinon renal dialys dialis oxygen oxigeno weight dose dosis pill pastill tablet mmhg blood sangre liver higado urin
    orina screening diagnos therap terapia surger cirug biops
    """.split()  # noqa: SIM905 - words read better than seventy strings
)
HEALTH_WHOLE: Final = {"hiv", "vih", "sida", "aids", "copd", "epoc", "a1c", "hba1c", "pap", "peso", "seno", "mama"}
VALUE: Final = re.compile(r"\d{2,3}\s*/\s*\d{2,3}\b|\d\s*(?:mg|mcg|mmol|units|unidades|lb|kg)\b", re.IGNORECASE)
SHORTENERS: Final = re.compile(r"\b(?:bit\.ly|tinyurl\.com|goo\.gl|t\.co|ow\.ly|is\.gd)\b", re.IGNORECASE)
NAMES: Final = frozenset(
    {"name", "patient", "full_name", "given_name", "family_name", "first_name", "last_name", "mrn"}
)


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """How it would arrive, what it costs and how hard it is; with `problems` it cannot be approved."""

    body: str
    cost: Cost
    costly: list[str]
    level: Level
    problems: list[str]

    @property
    def fits(self) -> bool:
        return not self.problems


def preview(name: str, language: Language, text: str, samples: Mapping[str, str]) -> Preview:
    """Everything that can be said of a draft before anybody gets it; `samples` fill its fields."""
    shipped = catalogue(language)[name]
    fields, wrong = _fields(text, shipped)
    body = text if wrong else text.format_map({field: samples.get(field, field) for field in fields})
    price = cost(body)
    problems = [*wrong, *_kept(shipped, text, language), *_asked(shipped, text), *_told(shipped, text)]
    return Preview(
        body=body, cost=price, costly=outside(body), level=level(body, language),
        problems=[*problems, *_long(name, body, price)],
    )  # fmt: skip


def _fields(text: str, shipped: Wording) -> tuple[list[str], list[str]]:
    """(the fields in braces, what is wrong with them)."""
    try:
        parts = [(field, spec, how) for _, field, spec, how in string.Formatter().parse(text) if field is not None]
    except ValueError:
        return [], ["A brace { or } stands alone. Fields are written as in {clinic}."]
    if any(spec or how or not field.isidentifier() for field, spec, how in parts):
        return [], ["Write fields plainly, as in {clinic}: nothing else between the braces."]
    found = sorted({field for field, _, _ in parts})
    wrong = [_unknown(field, shipped) for field in found if field not in shipped.fields]
    wrong += [
        f"{{{field}}} is missing: it is filled in for each patient." for field in shipped.fields if field not in found
    ]
    return found, wrong


def _unknown(field: str, shipped: Wording) -> str:
    if field in NAMES:
        return f"{{{field}}} cannot be used: a text never carries a name, anybody may read the telephone."
    known = ", ".join(f"{{{one}}}" for one in shipped.fields) or "none"
    return f"{{{field}}} is not a field of this text. It has: {known}."


def _kept(shipped: Wording, text: str, language: Language) -> Iterator[str]:
    """The emergency number, and at once where ours says so; the ways out and to help."""
    ours, theirs = plain(shipped.text), plain(text)
    if not text.strip():
        yield "Write the text."
    if re.search(CALLS_911[language], ours) and not re.search(CALLS_911[language], theirs):
        said = "call 911" if language == "en" else "llame al 911"
        yield f"The emergency sentence cannot be left out: it must say “{said}”."
    elif re.search(AT_ONCE[language], ours) and not re.search(AT_ONCE[language], theirs):
        yield "The emergency sentence must say that it is at once: " + (
            "“call 911 now”." if language == "en" else "“llame al 911 ahora”."
        )
    if re.search(NOT_911[language], text.casefold()):
        yield "It reads as if one should not call 911. Say first to call, and the rest in a sentence of its own."
    for word in ("STOP", "HELP", "START"):
        if word in SHOUTED.findall(shipped.text) and word not in SHOUTED.findall(text):
            yield f"{word} must stay: it tells the patient how to {WHY[word]}."


WHY: Final = {"STOP": "end the texts", "HELP": "get help", "START": "get texts again"}


def _asked(shipped: Wording, text: str) -> Iterator[str]:
    """What the patient is asked to reply: nothing that carriers or we take for something else, and no new words."""
    ours, theirs = _replies(shipped.text), _replies(text)
    allowed = ours | _digits(shipped.text) | set(SHOUTED.findall(shipped.text))
    for word in sorted((theirs | set(SHOUTED.findall(text))) - allowed):
        if word in CARRIERS or (word in theirs and classify(word).meaning in ("opt_out", "start")):
            yield f"“{word}” is a word that ends or begins texts at the carrier. Ask for C, DONE, 1 or 2."
        elif word in theirs:
            known = ", ".join(sorted(ours | _digits(shipped.text))) or "nothing"
            yield f"A reply of “{word}” would not be understood here. This text may ask for: {known}."
    for digit in sorted(_digits(shipped.text) - _digits(text)):
        yield f"The patient must be told what {digit} means: the answer is waited for."
    if len(ENDS.findall(text)) < SHOUTED.findall(text).count("STOP"):
        yield "STOP may only be asked for to end the texts: “STOP to end”, “STOP para terminar”."


def _replies(text: str) -> set[str]:
    """Words a reply is asked to be: written in capitals or as a digit, or taken by carriers however written."""
    found = set()
    for word in REPLY.findall(text):
        if word.isdigit() or word.isupper() or word.upper() in CARRIERS:
            found.add(word.upper())
    return found


def _digits(text: str) -> set[str]:
    """Digits that mean an answer: those that stand alone from the first one asked for on."""
    first = re.search(REPLY.pattern.replace(r"(\w+)", r"\d\b"), text, re.IGNORECASE)
    return set(re.findall(r"(?<![\d:/.])\b\d\b", text[first.start() :])) if first else set()


def _told(shipped: Wording, text: str) -> Iterator[str]:
    """Words of health that ours does not have, and values."""
    ours, theirs = plain(shipped.text).split(), plain(re.sub(r"{\w*}", " ", text)).split()
    new = {word for word in theirs if word not in ours and (word.startswith(HEALTH) or word in HEALTH_WHOLE)}
    if new:
        yield f"It tells of health: {', '.join(sorted(new))}. Anybody may read the telephone; say “a check”, “a visit”."
    if VALUE.search(text) and not VALUE.search(shipped.text):
        yield "It tells a value or a dose. Leave the number out."
    if SHORTENERS.search(text):
        yield "Carriers hold back texts with shortened addresses. Use {url} where the text has it."


def _long(name: str, body: str, price: Cost) -> Iterator[str]:
    if name.startswith(SPOKEN):
        if len(body) > LONGEST:
            yield f"It has {len(body)} characters; {LONGEST} are the most."
    elif price.segments > MOST_SEGMENTS:
        yield f"It takes {price.segments} segments; {MOST_SEGMENTS} are the most." + (
            " Without the characters named below it would take fewer." if price.encoding == "ucs2" else ""
        )
