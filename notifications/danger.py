"""Words of danger, in English and Spanish, as people write them: misspelt, in a hurry, and about falls or despair.

A sentence that denies danger ("no chest pain") still reaches a nurse, for a call too many costs a minute; only who
was just asked about symptoms may say that they have none.
"""

import re
from functools import lru_cache


def either(*patterns: str) -> re.Pattern[str]:
    """Any of these, as whole words of a text in lower case without accents and punctuation."""
    return re.compile(rf"\b({'|'.join(patterns)})\b")


_CANNOT = r"(can ?t|cannot|can not|cnt|couldn ?t|could not|unable to|not able to|struggl\w+ to|trouble|difficulty)"
_MY = r"((my|the|his|her|left|right|whole|one|mi|mis|el|la|los|las|su|lado|un) )*"
_VERY = r"((a|so|very|really|some|bad|badly|mucho|muy|muchos|fuerte|un|una|poco|tremendo) )*"
_LIMB = r"(arms?|legs?|face|hands?|side|fingers|feet|foot|body|mouth)"
_MIEMBRO = r"(brazos?|piernas?|cara|manos?|lado|dedos|pies?|cuerpo|boca)"

DANGER = either(
    # chest and heart
    r"chest( \w+)? (pains?|hurts?|hurting|ach\w+|pressure|tight\w*|discomfort|heav\w+|burn\w*|squeez\w+)",
    r"(pains?|pressure|tight\w*|squeez\w+|heaviness|weight|elephant) (in|on|across|around) " + _MY + r"(chest|heart)",
    r"heart (attack|stopp\w+|is (racing|pounding|stopping)|racing|pounding)", r"angina", r"cardiac arrest",
    # breath
    _CANNOT + r" (breath\w*|catch \w+ breath|get (enough |any )?(air|breath))",
    r"(hard|difficult|harder|tough|struggling) (to|2|time) breath\w*", r"short(ness)? of (breath|air)", r"breathless",
    r"(hardly|barely|hurts to|cannot even) breath\w*",
    r"(pain|hurts?|ache) (down|in|going down) (my |the )?(left arm|jaw)", r"heart (hurts?|pains?|aches?)",
    r"slipped (and|in|on)",
    r"hurts? in (my |the )?chest", r"chest is (killing|crushing|hurting)",
    r"(want|going|gonna) (to )?(kill|shoot) \w+",
    r"out of breath", r"(not|stopped|isn ?t) breathing", r"gasping", r"suffocat\w+", r"chok(ed|ing)",
    r"(lips|face|turn(ed|ing)|going|went) (\w+ )?blue", r"trouble with (my )?breathing",
    # brain
    r"stroke", _MY + r"face (is |looks )?(droop\w*|crooked|twisted)", r"droop\w+", r"numb(ness)?", r"paraly[sz]\w+",
    _CANNOT + r" (feel|move) " + _MY + _LIMB,
    _LIMB + r" (is |are |went |feels? |has gone )" + _VERY + r"(weak|limp|dead)",
    r"weak(ness)? (in|on) " + _MY + _LIMB, r"slur\w*", _CANNOT + r" (talk|speak)\w*",
    r"(lost|losing) my (vision|sight|speech)",
    _CANNOT + r" see(?! (the|your|this|that|any|a|my (results|messages?|readings?|chart|numbers?)))", r"went blind",
    r"(blurr\w+|double|no) vision", r"vision (is |went )?(blurr\w+|double|gone)", r"worst headache", r"thunderclap",
    r"(suddenly|very|so|really|is|am|m|he s|she s) confused", r"delirious",
    # consciousness
    r"faint(ed|ing)?", r"pass(ed|ing)? out", r"black(ed|ing)? ?out", r"collaps\w*", r"unconscious", r"unresponsive",
    r"(not|isn ?t|won ?t|stopped) (respond\w*|wak(e|ing)( up)?)", r"won ?t wake", _CANNOT + r" wake (him|her|them)",
    r"seizures?", r"convuls\w*", r"(diabetic|in a) coma",
    # blood, poison, allergy
    r"bleed(ing)?", r"bled", r"hemorrhag\w*",
    r"(cough\w*|vomit\w*|(throw\w*|threw) up|spit\w*|puk\w+|poop\w*) (up )?(of )?blood", r"overdos\w*", r"o d ed",
    r"poison(ed|ing)", r"(took|taken|swallowed) (too (many|much)|all (of )?(my|the)|(a|the) whole bottle)",
    r"(double|triple) (my |the )?(dose|insulin)", r"anaphyla\w*", r"allergic reaction",
    r"(throat|tongue|face|lips) (is |are )?(clos\w+|swell\w*|swollen)",
    # falls

    r"(i|he|she|we|mom|mum|dad|mother|father|wife|husband|have|just|ve|has|patient)( \w+ly)? (fell|fallen)"
    r"(?! (asleep|behind|in love|ill with|short|for))",
    r"fallen and", r"fell (down|off|over|out of|on (my|the|his|her)|in the (shower|bath\w*|kitchen|yard|tub|street))",
    r"(had|took|taken|having) a (bad |nasty |hard )?(fall|tumble|spill)",
    r"(hit|banged|cracked|bumped) (my|his|her) head", r"(broke|broken) (my|his|her) (hip|leg|arm|neck|back)",
    _CANNOT + r" (get|stand) (back )?up", r"(am|m|lying|stuck) on the (floor|ground)",
    # despair and violence
    r"suicid\w*", r"(kill|hurt|harm|cutt?|shoot|hang)(ing)? my ?(self|wrists?)", r"self ?harm\w*",
    r"(want|wanna|going|ready|like) (to )?die", r"(wish|better off|rather be) (\w+ ){0,3}dead",
    r"end(ing)? (it all|my life|everything)", r"tak(e|ing) my (own )?life",
    r"(do not|don ?t|dont|no longer) (want|wanna) (to )?(live|be alive|be here|wake up|exist|go on)",
    r"no (reason|point) (to|in) (live|living)", r"(life|living) (is not|isn ?t|not) worth", r"not worth living",
    r"can ?t go on", r"dying", r"i m dead", r"(hitting|beating|hurting|choking|attacked|attacking|stabbed|shot) me",
    r"(been|got|was) (stabbed|shot|attacked)",
    # pregnancy, and plain calls for help
    r"water(s)? broke", r"baby (is |isn ?t |has )?(not |stopped )?mov(ing|ed)", r"emergency", r"ambulance",
    r"paramedics?", r"911", r"(need|want|send|get) (\w+ )?help (now|fast|quick\w*|asap|right away|immediately)",
    r"send help", r"sos", r"mayday", r"(somebody|someone) (please )?help",
)  # fmt: skip

PELIGRO = either(
    r"(dolor(es)?|opresion|presion|punzadas?|ardor|molestia|apretad\w+|pesadez|duel\w+|aprieta|arde)( \w+){0,3} pecho",
    r"pecho( \w+){0,2} (duel\w+|apretad\w+|aprieta|oprimid\w+|arde|pesad\w+)", r"ataque (al|del|de) corazon",
    r"ataque cardiaco", r"infart\w*", r"paro cardiaco", r"corazon( \w+){0,2} (acelerad\w+|desbocad\w+|se para)",
    r"angina de pecho",
    r"no (puedo|puede|podia|logro|consigo)( \w+)? (respirar\w*|tragar|hablar|mover\w*|levantar\w*|parar(me|se))",
    r"no (puedo|puede|podia) ver(?! (la|el|los|las|mi|mis|su|sus|esto|eso))",
    r"no (me|se) pued(o|e) (levantar|mover|parar)", r"no respir\w+", r"respir\w+ (mal|con dificultad)",
    r"(falta|sin|poco)( \w+)? aire", r"(me )?falta(ndo)? (el |de )?aire", r"me ahog\w+", r"ahogando\w*", r"asfixi\w*",
    r"atragant\w*", r"(cuesta|dificil|dificultad|problemas?)( \w+){0,2} respirar", r"labios (azul\w*|morad\w+)",
    r"derrame", r"embolia", r"no siento " + _MY + _MIEMBRO,
    _MIEMBRO + r"( \w+){0,2} (adormecid\w+|dormid\w+|entumecid\w+|debil\w*|caid\w+|torcid\w+|paralizad\w+)",
    r"(adormecimiento|entumecid\w+|hormigueo|paraliz\w+)", r"(veo|vision|vista) (\w+ )?(borros\w+|doble|nublad\w+)",
    r"(perdi|perdio|perdiendo) (la (vista|vision|conciencia)|el (conocimiento|habla))",
    r"(muy|esta|estoy) confundid\w+", r"peor dolor de cabeza", r"desmay\w*", r"inconscient\w*",
    r"no (responde|reacciona|despierta)", r"convuls\w*", r"desvaneci\w*", r"coma diabetico",
    r"sangr(o|ando|ado|a|e mucho)", r"hemorragia\w*", r"(vomit\w*|escup\w*|tos\w*|orin\w*|defec\w*)( \w+){0,2} sangre",
    r"sobredosis", r"(sale|mucha|perdiendo) (\w+ )?sangre", r"cierra la garganta", r"me resbale",
    r"se (me )?(durmio|duerme|adormec\w+) " + _MY + _MIEMBRO, r"me (pega|golpea|maltrata)",
    r"(tome|tomo|trague)( \w+)? (demasiad\w+|tod\w+ (las|mis)|much\w+ (pastillas|pildoras|insulina))",
    r"envenen\w*", r"intoxic\w*", r"reaccion alergica", r"(garganta|lengua|cara)( \w+){0,2} (cerr\w+|hinch\w+)",
    r"me (acabo de )?ca(i|er|igo|yendo)", r"me he caido", r"se (ha )?ca(yo|ido)",
    r"(sufri|tuve|tuvo|una) (\w+ )?caida", r"caid[ao] (al|en el|del?) \w+", r"(golpe\w*|pegue|di)( \w+){0,3} cabeza",
    r"(estoy|esta|tirad\w+)( \w+)? en el (piso|suelo)", r"(rompi|quebre|fracture)( \w+){0,2} (cadera|pierna|brazo)",
    r"suicid\w*", r"matar(me|se)", r"(quiero|quisiera|voy a|ganas de) matar\w*", r"(quitar|quito)(me)? la vida",
    r"(quiero|quisiera|prefiero|ganas de|deseo) (\w+ )?(morir\w*|desaparecer|estar muert\w+)",
    r"(acabar|terminar)( \w+)? (con )?(mi vida|la vida|todo)", r"no (quiero|deseo)( \w+)? (vivir|seguir( \w+)?)",
    r"(no vale la pena|sin ganas de|para que) vivir", r"mejor muert\w+", r"(cortar|lastimar|herir|ahorcar)me",
    r"hacerme dano", r"me (muero|estoy muriendo|voy a morir)", r"(me )?(pega|golpea|ataca) mi \w+",
    r"(apunal|balac|dispar)\w+", r"(rompi\w*|romp\w+) (la )?(fuente|bolsa)", r"bebe no se mueve", r"emergencia\w*",
    r"urgencias", r"es urgente", r"ayuda urgente", r"ambulancia", r"auxilio", r"socorro", r"me infarto",
)  # fmt: skip

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

# What is misspelt is read as the word of danger it is nearest to; the others are words of their own, one letter away.
_DANGEROUS = """
    chest heart attack breath breathe breathing stroke numbness drooping slurred fainted collapsed unconscious
    seizure bleeding overdose overdosed emergency ambulance suicide suicidal paralyzed blurred vision unresponsive
    allergic suffocating choking passed swollen shortness trouble fallen pecho respirar infarto derrame desmaye
    desmayo inconsciente convulsion sangrando sobredosis suicidio suicidarme emergencia ambulancia matarme auxilio
    socorro corazon ahogando adormecido caida morirme hemorragia
"""
_HARMLESS = """
    hecho techo lecho cheat chess crest chests heard hears hearts earth heat bread breadth broth strike stoke
    strokes painted tainted breeding breathed emergence mission visions pasted parsed past passes smoking joking
    checking poking falling troubled double treble attach attic derrama comida salida caidas bajada cadena socorrer
    corazones matarse version stolen fecho respira respiro
"""
WORDS, OTHER_WORDS = tuple(_DANGEROUS.split()), frozenset(_HARMLESS.split())
BY_HAND = {
    "hart": "heart", "chst": "chest", "cheast": "chest", "breth": "breath", "siezure": "seizure", "pian": "pain",
    "pexo": "pecho", "dolr": "dolor", "nopuedo": "no puedo", "norespiro": "no respiro", "icant": "i cant",
}  # fmt: skip


def mended(words: str) -> str:
    """The text with misspelt words of danger put right and stretched letters shortened."""
    return " ".join(_mended(word) for word in re.sub(r"(.)\1{2,}", r"\1", words).split())


@lru_cache(maxsize=4096)
def _mended(word: str) -> str:
    if word in BY_HAND:
        return BY_HAND[word]
    if len(word) < 5 or word in OTHER_WORDS or word in WORDS or not word.isalpha():
        return word
    near = (known for known in WORDS if abs(len(known) - len(word)) <= 2)
    return next((known for known in near if _distance(word, known) <= (2 if len(known) >= 9 else 1)), word)


def _distance(a: str, b: str) -> int:
    """Letters left out, added, changed or swapped with their neighbour."""
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            best = min(row[j - 1] + 1, rows[-1][j] + 1, rows[-1][j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def says_danger(words: str) -> bool:
    """`words` in lower case, without accents and punctuation, as they were written."""
    return any(DANGER.search(text) or PELIGRO.search(text) for text in {words, mended(words)})
