"""Whether a text asks us to stop texting, in English, Spanish and both at once: pure, and doubt is a wish to stop."""

import re
from functools import lru_cache

from notifications.opt_out_words import CONCEPTS, RULES
from notifications.phrases import Rules
from notifications.spelling import Speller, joined

_KEYWORDS = (
    "stop stopall quit end revoke optout cancel unsubscribe unsubscribed alto parar pare paren baja cancelar cancela"
    " cancele cancelen detener terminar basta enough stoop sto stip stopt sttop sop cancle cancell canceler quitt atlo"
    " parra nomore parenle parele parale deja dejen deje stopp detengan detenganse cease halt desist unenroll"
    " blocked blocking"
)
KEYWORDS = frozenset(_KEYWORDS.split()) | {
    "stop all", "opt out", "ya basta", "no mas", "ya no mas", "no more", "stop everything", "full stop", "otp out",
    "opt ou", "dont text", "dont contact", "dont message", "dont call", "not interested", "s t o p", "no texts",
    "go away", "no contact",
}  # fmt: skip

# What only wraps a keyword: "please STOP now, thank you" is STOP.
_FILLER = """
    please thanks thank you now it this that ok okay hi hello por favor porfavor porfa gracias ahora esto eso hola
    immediately already i me said just want to im asking all right away today like yall damn already asap guys sir maam
    ya les dije quiero que y and so seriously really how do can we would los las el la mas inmediatamente no_reply
    everything todo with con una buena vez ya must the senor senorita pues bueno entonces nada thats is oh my god lol
    dude man bro everyone for good forever again otra si se lo pido anda dios i'd id need"""
FILLER = frozenset(_FILLER.split())
SIGNS = re.compile("[\U0001f6d1\u270b\u26d4\U0001f6ab\U0001f595\U0001f92b\U0001f590\U0001f645]")

# What goes on, or stops where no texts are meant, taken out before anything is looked for.
INNOCENT = tuple(
    re.compile(rf"\b(?:{pattern})\b")
    for pattern in (
        r"(dont|never|not|no|nunca|please dont|didnt) (you |ever |want (you|them|these|it|this) to |want to |"
        r"wanna |por favor |me |los |let (them|these) )*"
        r"(stop|quit|cancel|end|cesar de|paren?|dejen?|dejes|quiten|borren|suspendan|cancelen|unsubscribe|"
        r"block|remove|detengan|delete)( (\w+ ){0,3}\w+)?",
        r"(cant|couldnt|wont|doesnt|wouldnt|hard to|unable to|trying to|tried to|need to|needs to|has to|"
        r"have to|helps?|helped|didnt|told me to|said to|says to|almost|never|how to|not) "
        r"(just |even |ever )?(stop|quit)(?! (\w+ ){0,2}(text\w*|messag\w*|send\w*|contact\w*|remind\w*|these|"
        r"this))( \w+)?",
        r"(bus|truck|rest|pit|quick|short|train|last|first|next|one|subway|pain|full|dead|the|a) (stop|"
        r"end)(?! (text|send|messag|bother|contact|remind|call|harass|spam)\w*)",
        r"(stop|stopping|stops|stopped|quit|quitting) (by|in|at|over|for|off|there|here|sign|light|watch|"
        r"and (get|pick|see)|"
        r"(?!text|messag|send|bother|contact|remind|call|writ|harass|spam|bug|pester|nag|hound|blow|hit|reach|"
        r"ping|annoy|shar|us|receiv|gett)\w+ing)",
        r"(when|if|until|before|after|once|whenever|unless) (i|we|he|she|it|they|the \w+) (stop|quit|end|cancel)",
        r"(should|can|may|could|do|must) i (just |also )?(stop|quit|skip)(?! (\w+ ){0,3}(text\w*|messag\w*|"
        r"remind\w*|these|this|getting|receiving|alerts|notifications))( \w+)?",
        r"(end|stop|finish) of", r"at the end", r"the end", r"week ?end", r"in the end", r"no end", r"to an end",
        r"(cancel\w*|mover|cambiar) (my|mi|la|the|una|las|mis|esta|our|that|tomorrows?) (\w+ )?(cita|citas|"
        r"appointment|appt|visit|ride|consulta|order|surgery|test|exam)\w*",
        r"no (puedo|pude|podia|logro|puede) (cesar|dejar|parar)( de)? \w+",
        r"(en lo|muy|mas|bien|esta|es|tan|salio|sale|la|el|piso) alto", r"alt[oa] (la|el|mi|de)",
        r"(presion|azucar|tension|me|esta|muy|la|mas|sale|salio) baja", r"(planta|parte|voz) baja",
        r"no more (pills|pain|strips|refills|medicine|meds|insulin|test|tests|sugar|soda|salt|bread|batteries|"
        r"needles)",
        r"no mas (dolor|pastillas|medicina|tiras|azucar|sal|soda|pan|insulina|agujas|refrescos?|que)",
        r"(deje|dejo|dejar|deja|dejado|cesar) de (?!mand|envi|escrib|molest|chinga|jod|freg|llam|text|mensaj|"
        r"contact|record|busc|recib)\w+",
        r"quit (my|your|his|her) job", r"no (me )?(llego|llegaron|mandaron|han|ha|mando|llamaron|llamo)( \w+)?",
        r"text (you|u) (back|later)", r"(dont|do not) (know how to )?text (well|much|good|often|very)",
        r"(keep|sigan?|continue|continuen) (on )?(sending|texting|the|them|mandando\w*|enviando\w*|"
        r"escribiendo\w*|me)( \w+){0,2}",
        r"enough (sleep|water|sugar|money|strips|pills|test|time|air|food|insulin|medicine|salt|rest|exercise|"
        r"breath|oxygen|to|for)",
    )
)  # fmt: skip
SPEAKS_TO_US = re.compile(
    r"^(please |just |pls |hey |ok |si |ya )?(stop|quit|alto|paren|basta|cancel|unsubscribe)\b(?! (i|mi|my)\b)"
)
ENDS_SO = re.compile(
    r"\b(please|so|and|now|just|porfavor|favor|ya|asap|pls|you|them) (stop|quit|paren|basta|unsubscribe|alto)$"
    r"|\b(stop|unsubscribe|quit) (please|now|it|already|asap)$"
)
MUST_STOP = re.compile(
    r"\b(this|these|it|texts|messages|texting|esto|you|yall) (needs?|has|have|got|must|should|better|gotta)( to)? "
    r"(stop|end|quit)$"
)

_SPANISH = """
    borren borre borra quiten quite quita quitar saquen saque sacar elimine eliminen cancelen cancele cancelar manden
    mande mandes mandar mandarme envien envie enviar escriban escriba escribir molesten moleste molestar recibir dejen
    deje paren numero lista mensajes mensaje recordatorios suscripcion contacten contactar quiero quieran necesito
"""
OPT_OUT = Rules(CONCEPTS, RULES)
SPELLER = Speller(
    OPT_OUT.words()
    | set(_SPANISH.split())
    | {"unsubscribe", "unsubscribed", "mensajes", "mensaje", "texting", "messages", "sending", "remove", "bother"}
)


def asks_to_stop(text: str, *parts: str) -> bool:
    """`text` as written; its parts, and the whole, in lower case without accents and punctuation."""
    return SIGNS.search(text) is not None or any(why_stop(part) for part in parts)


@lru_cache(maxsize=1024)
def why_stop(words: str) -> str | None:
    """The rule that hears a wish to stop in these words, else None."""
    texts = dict.fromkeys((joined(words), " ".join(SPELLER.mended(word) for word in joined(words).split())))
    return next((rule for text in texts if (rule := _why(text))), None)


def goes_on(words: str) -> bool:
    """Asks us not to stop: "never stop texting me"."""
    return INNOCENT[0].search(joined(words)) is not None


def is_keyword(part: str) -> bool:
    """A keyword is all that a part of a text says."""
    bare = " ".join(word for word in joined(part).split() if word not in FILLER)
    return part in KEYWORDS or bare in KEYWORDS


def _why(words: str) -> str | None:
    if must := MUST_STOP.search(words):
        return must[0]
    for innocent in INNOCENT:
        words = innocent.sub(" goeson ", words)
    words = " ".join(words.split())
    if (start := SPEAKS_TO_US.search(words)) or (start := ENDS_SO.search(words)):
        return start[0]
    return OPT_OUT.held(words.split())
