"""Which of our languages a text is in, when nobody knows who wrote it: by its commonest words, and pure."""

from notifications.replies import plain
from notifications.wording import Language

# Words of one language that are none of the other, as `plain` leaves them.
SPANISH = """
    el la los las lo un una unos unas de del al que y en con por para mi mis su sus tu es esta este esto estoy estas
    estan soy son se te le les nos muy mas ya si pero porque cuando donde como hay hace desde hasta sin sobre tengo
    tiene tenia puedo puede quiero quiere siento siente ayuda ayudame ayudenme auxilio socorro dolor duele pecho cabeza
    respirar ahogo ahogando desmayo caido cayo cai sangre sangrando brazo cara corazon azucar presion pastillas mama
    papa esposo esposa abuela abuelo hijo hija marido mujer emergencia ambulancia morir morirme matarme vivir parar
    alto mensajes favor doctor doctora medico bien mal peor ahora hoy noche anoche manana todo toda nada nadie otra vez
    voy va fue estaba siente mareado mareada debil urgente llamen llame ya
"""
ENGLISH = """
    the an of to in and is it i my you your he she we they his her our their this that am are was were be been have
    has had do does did not cant can cannot dont im ive its with for on at from by but so just now very too what when
    where who how why help please pain hurts hurt chest breathe breathing fell fall bleeding blood dizzy heart think
    feel feels feeling want stop texts texting there here out up down right left arm face head husband wife mom dad
    mother father took pills die kill myself live anymore some all one day night morning minutes hours since still
"""


def tongue(text: str) -> Language:
    """English in doubt."""
    words = plain(text).split()
    spanish, english = (sum(word in known.split() for word in words) for known in (SPANISH, ENGLISH))
    return "es" if spanish > english else "en"
