"""What somebody answers who was just asked about symptoms: pure, and doubt is a symptom."""

import re
from collections.abc import Callable
from typing import Literal

from notifications.danger import SYMPTOM, either, mended, says_danger

Answer = Literal["no_symptoms", "symptoms"]

_NONE = "1 uno one none no nope nah nothing nada ninguno ninguna n fine well good normal bien"
NONE_WORDS = frozenset(_NONE.split()) | {
    "no symptoms", "no sintomas", "sin sintomas", "none of these", "none of those", "none of them",
    "none of the above", "ninguno de esos", "ninguna de esas", "nada de eso", "nada de esto", "no tengo nada",
    "no tengo ninguno", "not really", "i am ok", "i m ok", "im ok", "im fine", "estoy bien", "me siento bien",
    "todo bien", "all good", "all fine", "1 no",
}  # fmt: skip
_SOME = "2 dos two yes si y s sip yeah yep some any algo both mal bad worse peor unwell sick"
SOME_WORDS = frozenset(_SOME.split()) | {
    "2 yes", "2 si", "yes i do", "si tengo", "un poco", "a little", "a bit", "not good", "not well", "not so good",
}  # fmt: skip
WELL = either(
    r"(feel|feeling|am|m|im|i) (\w+ )?(fine|good|ok|okay|great|well|better|normal|alright)",
    r"all (is )?(good|fine|well)", r"(estoy|me siento|todo|siento) (\w+ )?(bien|mejor|normal|perfect\w+)",
)  # fmt: skip
NOT_WELL = either(
    r"(not|don ?t|dont|isn ?t|never) (\w+ ){0,2}(fine|good|ok|okay|great|well|better|right|alright)",
    r"no (me siento|estoy) (\w+ )?(bien|mejor)",
)
DENIES = re.compile(
    r"^((i|we|he|she|yo|hi|hello|hola|ok|well|have|am|has|got|feel|feeling|tengo|siento|there is|there s|ya|y|and|or"
    r"|nor) )*"
    r"(no|not|none|nor|without|zero|sin|ni|ningun|ninguna|nada de|neither|nothing like|tampoco|"
    r"(do not|don ?t|dont|does not|doesn ?t|haven ?t|have not|didn ?t) (\w+ )?(have|feel|get|experience)\w*|"
    r"no (tengo|siento|hay|me \w+|te\w+))\b"
)
# These begin like a denial and are the opposite of one.
BEGINS_WITH_NO = either(
    r"no (puedo|puede|pued|respir|siento|reacciona|responde|despierta|quiero|deseo|me puedo|se puede)\w*",
    r"(not|stopped|isn ?t|won ?t) (breath|respond|wak|worth|able)\w*", r"(do not|don ?t|dont|no longer) want\w*",
    r"no (reason|point|vision|feeling|vale)",
)  # fmt: skip
BUT = re.compile(r"\b(but|however|though|although|except|only|just|pero|aunque|excepto|solo|salvo|now|ahora)\b")
LISTS = re.compile(r"\b(or|nor|ni|o)\b")


def answer_in(text: str, plain: Callable[[str], str]) -> Answer | None:
    """Symptoms, none, or None when it says neither. Whatever is not plainly a "none" counts as some, where it speaks
    of how they feel."""
    words = plain(text)
    if words in SOME_WORDS or re.match(r"(2|dos)( |$)", words):
        return "symptoms"
    parts = [part for sentence in re.split(r"[.!?;\n]+", text) for part in _parts(sentence, plain) if part]
    if NOT_WELL.search(words) or any(_complains(part) for part in parts):
        return "symptoms"
    if words in NONE_WORDS or re.match(r"(1|uno)( |$)", words) or WELL.search(words):
        return "no_symptoms"
    denied = any(part in NONE_WORDS or (DENIES.search(part) and _speaks_of_symptoms(part)) for part in parts)
    return "no_symptoms" if denied else None


def _parts(sentence: str, plain: Callable[[str], str]) -> list[str]:
    """What is said for itself: a list that is denied as a whole ("no pain, numbness or weakness") stays whole."""
    found = []
    for piece in BUT.split(sentence.casefold()):
        whole = plain(piece)
        together = DENIES.search(whole) and LISTS.search(whole) and not BEGINS_WITH_NO.search(whole)
        found += [whole] if together else [plain(part) for part in piece.split(",")]
    return found


def _complains(part: str) -> bool:
    """Speaks of a symptom and does not deny it."""
    if not _speaks_of_symptoms(part):
        return False
    return DENIES.search(part) is None or BEGINS_WITH_NO.search(part) is not None


def _speaks_of_symptoms(part: str) -> bool:
    return says_danger(part) or SYMPTOM.search(part) is not None or SYMPTOM.search(mended(part)) is not None
