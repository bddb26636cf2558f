"""The words that make a number a value, and those that make it none, in English and Spanish; without accents."""

import re
from typing import Final

# Of each kind, by the names of `devices.units`. Longer ones first.
WORDS: Final = {
    "glucose": r"(?:blood ?sugars?|sugars?|sugr|suger|glucos[ea]|azucar|asucar|bg|glucometer|glucometro|meter)",
    "spo2": r"(?:oxygen|oxigeno|oxi|spo2|sp02|o2|02|sats?|saturation|saturacion|pulse ?ox|oximeter|oximetro)",
    "weight": r"(?:weights?|weigh(?:ed|ing|t)?|wt|peso|pese|bascula|scale)",
    "pulse": r"(?:pulse|pulso|hr|heart ?rate|heartbeat|latidos|bpm)",
    "temperature": r"(?:temp|temperature|temperatura|fever|fiebre|calentura)",
    "blood_pressure": (
        r"(?:b/?p|blood ?pressure|pressure|presion(?: arterial)?|precion|tension|systolic|sistolica|top number)"
    ),
}
UNITS: Final = {
    "mg/dL": r"mg ?/ ?dl|mgdl|mg dl",
    "mmol/L": r"mmol(?: ?/ ?l)?",
    "kg": r"kg\.?|kgs|kilos?|kilogram(?:s|os?)?",
    "lb": r"lbs?\.?|pounds?|libras?|#",
    "kPa": r"kpa",
    "F": r"f|fahrenheit|degrees f|deg f",
    "C": r"c|celsius|centigrados?|grados|degrees c",
    "bpm": r"bpm|beats|latidos",
    "%": r"%|percent|por ciento",
    "mm[Hg]": r"mm ?hg",
}
# What may stand between the word and its number.
_BETWEEN = (
    r"is|was|are|at|of|about|around|reads?|reading|says?|shows?|showed|level|count|number|now|today|tonight|this"
    r"|morning|just|came|out|to|be|my|the|a|an|it|its|it s|checked|tested|back|up|fasting|before|after|breakfast|lunch"
    r"|dinner|meals?|eating|bedtime|in|es|esta|estaba|fue|de|en|hoy|ahora|mi|la|el|me|lo|salio|marca|marco|dio|tengo"
    r"|lectura|nivel|ayunas|antes|despues|desayuno|comer|cena|manana|arterial|saturation|level|rate|sangre|y|and"
)
FILL: Final = rf"(?:[ :=,-]+(?:{_BETWEEN})\b){{0,7}}[ :=,-]*"
# A number with one of these after it counts something else.
OTHER_UNIT: Final = (
    r"(?! ?(?:mg(?! ?/? ?dl)|mcg|ml|units?|unidades|pills?|pastillas|tabs?|tablets?|times|veces|days?|dias|years?|anos"
    r"|hours?|hrs|hr(?! ?\d)|horas|min|mins|minutes|minutos|am|pm|a\.m|p\.m|weeks?|semanas|months?|meses|steps|pasos"
    r"|liters?|litros)\b)"
)
CONTEXTS: Final = (
    ("fasting", re.compile(r"\b(fasting|fasted|ayunas)\b")),
    ("bedtime", re.compile(r"\b(bedtime|before bed|antes de (dormir|acostarme))\b")),
    (
        "before_meal",
        re.compile(r"\b(before (breakfast|lunch|dinner|meals?|eating|food)|antes de (comer|desayun\w+|cen\w+))\b"),
    ),
    (
        "after_meal",
        re.compile(
            r"\b(after (breakfast|lunch|dinner|meals?|eating|food|i ate)|despues de (comer|desayun\w+|cen\w+))\b"
        ),
    ),
)
EARLIER: Final = re.compile(r"\b(this morning|earlier|at (breakfast|lunch|noon)|esta manana|en la manana|hace rato)\b")
LONG_AGO: Final = re.compile(
    r"\b(yesterday|last (night|week|month|year|time|\w+day)|the other day|(days?|weeks?|months?|years?) ago|ayer|anoche"
    r"|antier|anteayer|(semana|mes|ano) pasad[oa]|hace (\w+ )?(dias?|semanas?|meses|anos?)|used to|always been)\b"
)
# A question, an aim, a condition: the number may not be measured at all.
NOT_SAID: Final = re.compile(
    r"\?|\b(goal|target|meta|should (be|i)|supposed|limit|limite|less than|more than|higher than|lower than|below|under"
    r"|above|menos de|mas de|debe (ser|estar)|if (it|my)|what if|when (it|my) (is|goes|gets)|si (me )?(sube|baja|llega)"
    r"|cuando (me )?(sube|baja)|is that|is it (ok|bad|normal|high|low)|es (normal|malo|alto|bajo))\b"
)
ANOTHERS: Final = re.compile(
    r"\b(his|her|hers|he|she|husband|wife|mom|mum|mother|dad|father|son|daughter|brother|sister|neighbou?r|friend"
    r"|esposo|esposa|marido|mujer|mama|papa|madre|padre|hijo|hija|hermano|hermana|vecin[oa]|amig[oa]|abuel[oa]|el tiene"
    r"|ella tiene)\b"
)
# Three pounds more is no weight.
CHANGES: Final = re.compile(
    r"\b(gain\w*|lost|lose|losing|up|down|more|less|over|extra|gan[eo]|subi|baje|perdi|aument\w+|menos|mas|de mas)\b"
    r"( \w+){0,2} \d{1,2}(\.\d)? ?(lbs?|pounds?|libras?|kg|kilos?)\b"
    r"|\b\d{1,2}(\.\d)? ?(lbs?|pounds?|libras?|kg|kilos?) (more|less|over|up|down|heavier|lighter|mas|menos|de mas)\b"
)
BEYOND: Final = re.compile(
    rf"\b{WORDS['glucose']}\b(?:[ :=,-]+(?:is|was|says?|reads?|shows?|reading|just|es|dice|marca|sale|my|the|mi|el))"
    r"{0,5}[ :=,-]*\"?(?P<beyond>hi|lo)\b(?! ?\d)"
)
SMALL_WORDS: Final = frozenset(
    (
        _BETWEEN.replace("|", " ")
        + " hi hello hey good thank thanks you please hola gracias buenos buenas dias tardes noches doctor dr nurse por"
        " favor and or with have has had got take took taken here for from on that these those so ok okay today tonight"
        " am pm hoy tomada con su mis los las un una del al aqui son era hey sir maam nice day home test check"
        " right left arm sitting resting rested after before first second then again i im this reading readings result"
        " numbers blood brazo segunda primera otra vez medida mida lectura sentado reposo casa"
        " noche tarde temprano bien fine normal"
    ).split()
)
_TOP, _LOW = r"(?P<top>\d{2,4})", r"(?P<low>\d{2,4})"
_SEP = r" ?(?:/|over|sobre|por|con|entre|-|on) ?"
_PULSE = r"(?:(?: ?/ ?(?P<pulse>\d{2,3})(?![\d/]))|(?:[ ,]+(?P<pulse2>\d{2,3})$))?"
_END = rf"(?![\d/]|[.:]\d){OTHER_UNIT}(?: ?(?P<kpa>kpa)\b)?"
_WORD = rf"\b(?P<word>{WORDS['blood_pressure']})\b"
# With a word for it whatever two numbers; without one what looks like a pressure.
PAIRED: Final = (
    re.compile(
        rf"{_WORD}{FILL}{_TOP}(?:{_SEP}|[ ,]+(?:and |y |diastolic |diastolica |bottom |low )?){_LOW}{_PULSE}{_END}"
    ),
    re.compile(rf"(?<![\d./-]){_TOP}(?: ?/ ?| ?over ?| ?sobre ?){_LOW}{_PULSE}{_END}"),
    re.compile(rf"^{_TOP}(?: ?- ?| | con | por | y )(?P<low>\d{{2,3}})(?: (?P<pulse>\d{{2,3}}))?$"),
)
