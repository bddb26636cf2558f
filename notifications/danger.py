"""Whether a text speaks of danger, in English and Spanish, as people write: misspelt, in a hurry, of falls or despair.

A sentence that denies danger ("no chest pain") still reaches a nurse, for a call too many costs a minute; only who
was just asked about symptoms may say that they have none.
"""

import re
from functools import lru_cache

from notifications.danger_concepts import CONCEPTS
from notifications.danger_of_body import BODY
from notifications.danger_of_life import LIFE
from notifications.danger_values import marked
from notifications.phrases import Rules
from notifications.spelling import Speller, joined


def either(*patterns: str) -> re.Pattern[str]:
    """Any of these, as whole words of a text in lower case without accents and punctuation."""
    return re.compile(rf"\b({'|'.join(patterns)})\b")


# What counts only from who was just asked for symptoms.
SYMPTOM = either(
    r"pain\w*", r"hurt\w*", r"ach(e|es|ing|y)", r"headaches?", r"migraine", r"dizz\w+", r"light ?headed\w*",
    r"nause\w+", r"vomit\w*", r"throw\w* up", r"weak\w*", r"blurr\w+", r"sweat\w*", r"shak(y|ing|es)", r"confus\w+",
    r"sleepy", r"drows\w+", r"palpitations?", r"unwell", r"sick",
    r"(feel|feeling) (\w+ )?(bad|terrible|awful|worse|off|ill|funny|horrible|strange)", r"symptoms?", r"tingl\w+",
    r"heart", r"breath\w*", r"dol(or|ores|ido|iendo)", r"duele\w*", r"mare\w+", r"nausea\w*", r"vomit\w*", r"debil\w*",
    r"sud(o|ando|or)", r"tembl\w+", r"confundid\w+",
    r"(me siento|estoy|sintiendo) (\w+ )?(mal|peor|fatal|enferm\w+|rar\w+)", r"sintomas?", r"borros\w+",
    r"palpitacion\w*", r"sueno", r"malestar", r"hormigueo",
)  # fmt: skip

# Whole words of what the rules know by its beginning only.
OFTEN_MISSPELT = """
    bleeding fainted fainting breathe breathing swelling swollen droopy drooping slurred slurring seizure seizures
    collapsed unconscious unresponsive confused suicide suicidal overdosed paralyzed emergency ambulance choking
    suffocating gasping tightness squeezing convulsion convulsiones convulsionando convulsionar convulsiono desmaye
    desmayo desmayado desmayar ahogando ahogandome inconsciente infarto embolia hemorragia sangrando sangrado vomitando
    vomito hinchando hinchado hinchada suicidarme suicidio respirar respirando sobredosis emergencia ambulancia dolor
    duele dolores aprieta adormecido adormecida confundido confundida desorientado golpee resbale mareada mareado
    hallucinating stabbing dizziness dizzy poisoned stumbled vomiting numbness breathless bleach hanging palpitations
"""
DANGER = Rules(CONCEPTS, BODY + LIFE)
SPELLER = Speller(DANGER.words() | set(OFTEN_MISSPELT.split()))


def mended(words: str) -> str:
    """The text with misspelt words of danger put right and stretched letters shortened."""
    return " ".join(SPELLER.mended(word) for word in joined(words).split())


@lru_cache(maxsize=256)
def says_danger(words: str) -> bool:
    """`words` in lower case, without accents and punctuation, as they were written."""
    return why_danger(words) is not None


def why_danger(words: str) -> str | None:
    """The rule that hears danger in these words, else None."""
    texts = dict.fromkeys((joined(words), mended(words)))
    return next((rule for text in texts if (rule := DANGER.held(marked(text)))), None)
