"""Numbers that are danger by themselves: a sugar, a pressure, an oxygen or a fever as people type them, pure.

The levels are where a nurse wants to know at once whatever else is written; they are not the patient's own limits.
Glucose in mg/dL (level 2 hypoglycaemia below 54: ADA Standards of Care), pressure in mmHg (crisis from 180/120 with a
symptom: ACC/AHA 2017), oxygen in %, temperature in °F or °C. For clinical sign-off.
"""

import re

SUGAR_LOW, SUGAR_HIGH = 54, 400
SYSTOLIC_ALONE, DIASTOLIC_ALONE = 200, 130
SYSTOLIC_CRISIS, DIASTOLIC_CRISIS = 180, 120
SYSTOLIC_LOW = 80
OXYGEN_LOW = 88
PULSE_LOW, PULSE_HIGH = 38, 150
MANY_PILLS = 6

_SUGAR = re.compile(
    r"\b(?:sugars?|glucos[ea]|azucar(?:es)?|asucar|gluco\w*|bg|meter|sugr|suger)\b(?: [a-z]+){0,4} (\d{2,3})\b"
)
_SUGAR_AFTER = re.compile(r"\b(\d{2,3})(?: [a-z]+){0,2} (?:sugar|azucar|glucos[ea]|mg dl)\b")
_PRESSURE = re.compile(r"\b(\d{2,3}) (?:over |sobre |con |entre |y |on |and )?(\d{2,3})\b(?! ?(?:am|pm|\d))")
_SYSTOLIC = re.compile(
    r"\b(?:bp|pressure|presion|precion|tension|systolic|sistolica|top number)\b(?: [a-z]+){0,4} (\d{2,3})\b(?! ?\d)"
)
_OXYGEN = re.compile(r"\b(?:oxygen|oxigeno|o2|spo2|sats?|saturation|saturacion|ox)\b(?: [a-z]+){0,4} (\d{2})\b")
_PULSE = re.compile(r"\b(?:pulse|pulso|cardiology|hr|heartbeat|latidos)\b(?: [a-z]+){0,3} (\d{2,3})\b")
_FEVER = re.compile(r"\b(?:fever|temp\w*|fiebre|calentura)\b(?: [a-z]+){0,3} (40|41|42|103|104|105|106)\b")
_PILL = (
    r"(?:pills?|tablets?|capsules?|pastillas|pildoras|tabletas|capsulas|metformina?|tylenol|ibuprofen|aspirins?|aspirinas"
    r"|advil|xanax|ambien|norcos?|oxys?|percocets?|lisinopril|benadryl|paracetamol|gabapentin|sleeping)"
)
_PILLS = re.compile(rf"\b(\d{{1,3}})(?= (?:of )?(?:my |the |his |her |mis |de )?(?:\w+ )?{_PILL}\b)")


def marked(words: str) -> list[str]:
    """The words, with marks for the values that a rule may ask for."""
    marks = [mark for mark, holds in _marks(words) if holds]
    many = _PILLS.sub(lambda found: "numbermany" if MANY_PILLS <= int(found[1]) < 200 else found[1], words)
    return marks + many.split() + marks


def _marks(words: str) -> list[tuple[str, bool]]:
    sugars = _numbers(_SUGAR, words) + _numbers(_SUGAR_AFTER, words)
    pairs = [(int(a), int(b)) for a, b in _PRESSURE.findall(words) if 40 <= int(a) <= 300 and 20 <= int(b) < int(a)]
    tops = [top for top in _numbers(_SYSTOLIC, words) if 50 <= top <= 300] + [top for top, _ in pairs]
    bottoms = [bottom for _, bottom in pairs]
    alone = (
        any(sugar < SUGAR_LOW or sugar > SUGAR_HIGH for sugar in sugars),
        any(top >= SYSTOLIC_ALONE or top <= SYSTOLIC_LOW for top in tops),
        any(bottom >= DIASTOLIC_ALONE for bottom in bottoms),
        any(50 <= value <= OXYGEN_LOW for value in _numbers(_OXYGEN, words)),
        any(value <= PULSE_LOW or value >= PULSE_HIGH for value in _numbers(_PULSE, words)),
    )
    high = any(top >= SYSTOLIC_CRISIS for top in tops) or any(bottom >= DIASTOLIC_CRISIS for bottom in bottoms)
    low = any(sugar < 70 for sugar in sugars)
    return [
        ("crisisvalue", any(alone)),
        ("highvalue", high),
        ("lowsugar", low),
        ("highfever", bool(_FEVER.search(words))),
    ]


def _numbers(pattern: re.Pattern[str], words: str) -> list[int]:
    return [int(number) for number in pattern.findall(words)]
