"""What a hurried thumb meant: the words of a text with misspelt words of two languages put right, pure."""

import re
from collections.abc import Iterable
from functools import lru_cache

# What is joined or replaced before anything is looked for; "blood pressure" is no blood.
SHORT_FORMS = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), put)
    for pattern, put in (
        (r"(can|don|won|isn|doesn|didn|couldn|aren|wasn|weren|haven|hasn|hadn|ain|wouldn|shouldn) ?t", r"\1t"),
        (r"can ?not|cnt|kant|cand|cannt|carnt", "cant"),
        (r"do ?not|dnt|donot|dint", "dont"),
        (r"(will|would) not", "wont"),
        (r"does not", "doesnt"),
        (r"did not", "didnt"),
        (r"is not", "isnt"),
        (r"could not|cudnt|couldent", "couldnt"),
        (r"(i|you|he|she|it|we|they|that|there|what|who|mom|dad|wife|husband) (m|s|re|ve|ll|d)", r"\1"),
        (r"blood (pressure|presure)|b p", "bp"),
        (r"blood (sugar|glucose)", "sugar"),
        (r"blood (work|test|tests|draw|thinners?|lab|labs|type|drive|sample)", "bloodwork"),
        (r"heart (rate|doctor|dr|pills?|meds?|medicine|failure|disease|monitor|healthy)", "cardiology"),
        (r"(doctora?|pastillas?|medicina|cita|examen) del? (el )?corazon", "cardiologia"),
        (r"presion arterial|presion de la sangre", "tension"),
        (r"(prueba|analisis|examen(es)?|azucar|muestra|estudios?) (de|en) (la )?sangre", "laboratorio"),
        (r"(dying|dyin) (to|for)", "eager"),
        (r"(dying|dyin|died|die|dead) (of|from|with)? ?(laugh\w*|boredom|curiosity|shame|embarrass\w*)", "amused"),
        (
            r"(muer[oe]|muriendo|mori|murio|morir|morirme) de (la )?(risa|ganas|hambre|sueno|frio|calor|"
            r"curiosidad|verguenza|gusto)",
            "ansio",
        ),
        (r"muer[oe] por (ver|saber|ir|comer|un|una|conocer)", "ansio"),
        (r"(par(ar|o|a|e|en|ado|ando)) de", "cesar de"),
        (r"x (favor|fa)", "por favor"),
        (r"x ?q|pork|porq", "porque"),
        (r"k|q|ke", "que"),
        (r"x", "por"),
        (r"wanna", "want to"),
        (r"gonna|goin to|gona|finna", "going to"),
        (r"gotta", "got to"),
        (r"plz|pls|plse|pleas", "please"),
        (r"u|ya ll|yall|yal", "you"),
        (r"ur", "your"),
        (r"txt|txts|tex|texs|txting|texted", "text"),
        (r"my ?self", "myself"),
        (r"him ?self", "himself"),
        (r"her ?self", "herself"),
        (r"any ?more|anymor|no longer", r"anymore"),
        (r"a ?fuera", "afuera"),
        (r"de ?jen ?me", "dejenme"),
        (r"den me", "denme"),
        (r"(quiten|saquen|borren|eliminen) me", r"\1me"),
    )
)  # fmt: skip

_INNOCENT = """
    hecho techo lecho cheat chess crest chests heard hears hearts earth heat bread breadth broth strike stoke strokes
    painted tainted breeding breathed emergence mission visions pasted parsed past passes smoking joking checking
    poking falling troubled double treble attach attic derrama comida salida caidas bajada cadena socorrer corazones
    matarse version stolen fecho respira respiro
    right night light might fight sight eight weight wight thing think thank thanks there their these those where
    which while white write wrote other mother father brother bother better letter later water hater table tablet
    cable stable start smart chart steps stops store story stone stove stand staff stuff still skill skills spill spell
    smell shell small call called calls hall wall ball fall fill full pull pulled rolled told sold cold gold hold
    slept sleep asleep steep sweep sweet sweat great treat tread dread ready really early nearly clearly
    house mouse horse nurse purse pulse plus place plate plant paint pain point print paper later taper
    drive drove drink drank trunk truck track trick brick black blank block clock click check cheek chick thick
    quite quiet quilt guilt built build blood flood floor flour hours house music muscle
    number numbers member timber lumber summer dinner winner finger fingers ginger longer stronger
    taken token spoken broken chosen frozen given driven seven eleven even event
    month mouth south youth tooth teeth truth
    light lights tight eight ate hate late rate date gate plate skate state estate
    tested tasted texted rested nested wasted wanted waited treated started stated
    better butter bitter litter setter getting letting sitting setting cutting putting
    going doing being seeing saying paying playing staying trying crying drying flying frying dying lying
    ending sending lending bending spending mending needing reading heading feeding leading loading
    morning evening warning burning turning learning running
    bowl brown crown grown drown down town gown
    pack back sack lack track rack neck deck check
    hello yellow follow pillow
    seguro segura segundo seguir siguen tiene tienen viene vienen tengo vengo pongo mango rango
    ahora hora horas antes gente mente siente sienta cuenta cuanta cuanto canto tanto santo
    mucho muchos muchas dicho dicha noche coche leche fecha hacha lucha ducha
    pasado pesado pisado casado cansado cantado contado comprado
    mando mande manda manta manos mano manana semana hermana hermano
    llamo llama llame llamar llegar llevar llenar llorar
    puedo puede pueda poder pedir medir media medio miedo dedos todos nados
    cuando donde tarde pide pida vida viva bien buen buena bueno nueva nuevo
    parte parto tarta carta corta corto puerta puerto cuerda
    cerca terca merca marca barca
    hasta basta gasta pasta casta
    medico medica medida medicina
    gusto gasto justo susto busto
    salud salir saldo sabado sacado
    bajar bajo baja caja paja hoja roja rojo ojo ojos
    quiero quiere quieren quiera pero perro cierro hierro
    tomar tomare tomada tomado tomate toman toma tome comer come
    dejar deja dejo deje dejen lejos lejano
    parar para pare parece pareja pared padre madre
    venir vivir vivo vivi vine
    calle callo cayo mayo rayo
    cita citas quita quitar visita vista lista listo pista
    esta este esto estas estos ester
    mejor mejora mayor menor
    sitio sigue
    presion prision
    dieta dientes diente
    cause because clause pause
    walks talks walk talk walked talked talking walking taking making waking baking
    price prices pride prize
    sugar sugary hands lands bands sands
    shoes shows shots shops
    story worry sorry marry carry merry berry
    party pretty
    forest forget forgot
    about above alone along
    every never fever lever clever
    phone prone
    added addled
    found sound round ground bound pound pounds mound
    house hours
    group grove
    stair stairs chair chairs
    wheel heel feel feels feeling kneeling peeling healing dealing
    heals meals deals meal deal heal
    since rinse wince
    blind blend bland
    worst worse worth world word words work works working
    bread broad
    wife wifi life like line live lives
    reaction action traction
    closed close closer chose choose
    sweater swelter
    cough rough tough dough though through thought
    church lunch punch bunch munch
    short shirt sport
    numb dumb thumb
    stress dress press
    grips trips tripped dripped
    sentir
    pills bills hills wills mills kills fills pill bill hill will mill kill fill
    veces voces
    muerde puerta
    sueno sueldo suelo
    hablar hablan habla
    duerme
    costo cosas casas
    boca loca foca poca
    cara carro caro casa caso cama
    receta recetas
    aparato aparatos
    brazo abrazo brazos abrazos
    apoyo arroyo
    abort accept account accounts adder agua alerta almuerzo anoche arroz awaiting batch beach bladder bladders
    blend bones booking brake breed breeze brought bruise caller camina camino cancer cards catch cell cells cena
    cenar center cerdo certain change changes changing charge charged cheese chip choose classes clean clinic
    clinica clinics clip clipped closet coach coins color colors comes comienzo comma compra compre compro content
    continuar contract cookie cookies cooking cool cover cruise crutch cuesta cuestan cushion days desayuno
    descansar descanse description dieron direccion dished doctora dolares domingo dormida dormido drain drip
    dulce dulces enough ensalada enter errors espera esperar espere faith falls false fights fished fixed flake
    flights flip fool forgets freed freeze frijoles gives glasses goose grape greed grip haste heading heads
    height hides horario huevo huevos leads lines lists llamada llamadas looking loose lower luego lunes machine
    machines major mananas manejar manejo martes match medicinas medicines missed mixed moose naranja nights
    noches operacion paint pants parts paste paused peach phones points pool possible posts puerco pushed quede
    quedo queso raised reads register remote reports required resort rights rushed sadder saint save schedule
    scheduled schedules school scratch serve shade shape shapes share shared shares shave shift ship shipped
    showed shower signal signals skip skipped snake sneeze speed spend spool stands steed stood string strings
    strip subscribe subscribed tardes taste teach terminal terminar termine tests thrown timed tirada tirado tones
    tool touch turns usted verdad visito waist waiting waits walls wants washed waste watch watching weigh weights
    were whip winter wished wool writes zapatos zones
"""
INNOCENT = frozenset(_INNOCENT.split())
BY_HAND = {
    "hart": "heart", "chst": "chest", "cheast": "chest", "breth": "breath", "siezure": "seizure", "pian": "pain",
    "pexo": "pecho", "pcho": "pecho", "pehco": "pecho", "ayre": "aire", "brath": "breath", "dolr": "dolor",
    "nopuedo": "no puedo", "norespiro": "no respiro", "icant": "i cant", "swole": "swollen",
    "kil": "kill", "kiil": "kill", "dyin": "dying", "numbb": "numb", "nomb": "numb", "ded": "dead", "hurtin": "hurting",
    "bleedin": "bleeding", "breathin": "breathing", "textin": "texting", "sendin": "sending", "talkin": "talking",
    "stp": "stop", "stpo": "stop", "sotp": "stop", "stopp": "stop", "stahp": "stop", "tsop": "stop", "stap": "stop",
    "paren": "paren", "mesage": "message", "mesages": "messages", "msgs": "messages", "msg": "message",
    "msj": "mensaje", "msjs": "mensajes", "mjs": "mensajes", "mns": "mensajes", "mensajitos": "mensajes",
    "unsuscribe": "unsubscribe", "unsub": "unsubscribe", "leve": "leave", "leav": "leave", "nomas": "no mas",
    "lok": "look", "facedroop": "face droop", "ahogo": "ahogo", "cae": "cae", "toy": "estoy", "ta": "esta",
    "pos": "pues", "komo": "como", "ayudenme": "ayudenme", "eh": "eh", "quit it": "quit",
}  # fmt: skip
_FOLDS = tuple(
    (re.compile(pattern), put)
    for pattern, put in (
        (r"sc(?=[ei])|z|c(?=[ei])", "s"), (r"ch|sh", "1"), (r"h", ""), (r"v", "b"), (r"qu|k|c|q", "k"), (r"ll", "y"),
        (r"gu(?=[eia])", "g"), (r"g(?=[ei])|x", "j"), (r"w(?=e)", "gu"), (r"(.)\1+", r"\1"), (r"n(?=[bp])", "m"),
    )
)  # fmt: skip


@lru_cache(maxsize=1024)
def joined(words: str) -> str:
    """Elisions as one word, the short forms of texts as what they stand for, stretched letters shortened."""
    words = re.sub(r"([a-z])\1{2,}", r"\1", words)
    for pattern, put in SHORT_FORMS:
        words = pattern.sub(put, words)
    return words


def folded(word: str) -> str:
    """How a Spanish word sounds: b and v, s, z and c, ll and y, a silent h are one."""
    for pattern, put in _FOLDS:
        word = pattern.sub(put, word)
    return word


class Speller:
    """Puts a misspelt word right when one word of a closed list is near, and it is no word of its own."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = sorted({word for word in known if len(word) >= 4 and word.isalpha()})
        self._whole = frozenset(self._known)
        self._sounds = {folded(word): word for word in self._known}
        self._near: dict[str, list[str]] = {}
        for word in self._known:
            for shorter in _shorter(word, 2 if len(word) >= 9 else 1) if len(word) >= 5 else ():
                self._near.setdefault(shorter, []).append(word)
        self.mended = lru_cache(maxsize=8192)(self._mended)

    def _mended(self, word: str) -> str:
        if word in BY_HAND:
            return BY_HAND[word]
        if len(word) < 4 or word in self._whole or word in INNOCENT or not word.isalpha():
            return word
        if sounds := self._sounds.get(folded(word)):
            return sounds
        if len(word) < 5:
            return word
        near = {
            known for shorter in _shorter(word, 2 if len(word) >= 8 else 1) for known in self._near.get(shorter, ())
        }
        close = sorted((distance(word, known), known) for known in near)
        return next((known for far, known in close if far <= (2 if len(known) >= 9 else 1)), word)


def _shorter(word: str, times: int) -> set[str]:
    """The word, and the word without any one (or any two) of its letters."""
    found = {word}
    for _ in range(times):
        found |= {one[:i] + one[i + 1 :] for one in found for i in range(len(one))}
    return found


def distance(a: str, b: str) -> int:
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
