"""What a clinic's own words may not lose: each refusal with a text that asks for it, and every shipped text passes."""

import pytest

from notifications import wording
from notifications.reading_level import level
from notifications.segments import outside
from notifications.wording import Language
from notifications.wording.checks import preview
from server.outreach.wordings import Own

SAMPLES = {
    "clinic": "Aspen Heart Center", "url": "https://careloop.clinic.example.org/l/0123456789abcdefghij",
    "when": "11/23 08:00", "rest": "5", "measured": "23:50 (Nov 21)", "arrived": "14:22", "count": "12",
    "choices": "1 Guadalupe, 2 Maximiliano", "code": "123456",
}  # fmt: skip
ALL = [(language, name) for language in wording.LANGUAGES for name in wording.catalogue(language)]
MEASURE = "{clinic}: please measure today. For a call reply C. Reply STOP to end, HELP for help."


def problems(name: str, text: str, language: Language = "en") -> str:
    return " | ".join(preview(name, language, text, SAMPLES).problems)


@pytest.mark.parametrize(("language", "name"), ALL)
def test_every_shipped_text_passes_its_own_checks(language: Language, name: str) -> None:
    assert problems(name, wording.catalogue(language)[name].text, language) == ""


def test_plain_words_of_ones_own_pass() -> None:
    assert problems("reminder_measurement", MEASURE) == ""


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("reminder_measurement", "", "Write the text"),
        ("reminder_measurement", MEASURE.replace("{clinic}", "Us"), "{clinic} is missing"),
        ("reminder_measurement", MEASURE + " {url}", "{url} is not a field of this text. It has: {clinic}"),
        ("reminder_measurement", MEASURE + " {name}", "never carries a name"),
        ("reminder_measurement", MEASURE + " {", "stands alone"),
        ("reminder_measurement", MEASURE.replace("{clinic}", "{clinic!r}"), "plainly"),
        ("reminder_measurement", MEASURE.replace("{clinic}", "{clinic.text}"), "plainly"),
        ("reminder_measurement", MEASURE.replace("Reply STOP to end, ", ""), "STOP must stay"),
        ("reminder_measurement", MEASURE.replace("HELP for help", "bye"), "HELP must stay"),
        ("reminder_measurement", MEASURE.replace("STOP to end", "STOP if you did"), "only be asked for to end"),
        ("reminder_measurement", MEASURE + " Reply YES if you will.", "“YES” is a word that ends or begins texts"),
        ("reminder_measurement", MEASURE + " reply cancel to skip.", "“CANCEL” is a word that ends or begins texts"),
        ("reminder_measurement", MEASURE + " Text 'END' to skip.", "“END” is a word that ends or begins texts"),
        ("reminder_measurement", MEASURE + " Reply BASTA to skip.", "“BASTA” is a word that ends or begins texts"),
        ("reminder_measurement", MEASURE + " Reply 7 to skip.", "“7” would not be understood"),
        ("reminder_measurement", MEASURE.replace("measure", "take your blood pressure"), "blood, pressure"),
        ("reminder_measurement", MEASURE + " Below 140/90 is good.", "a value or a dose"),
        ("reminder_measurement", MEASURE + " Take 20 mg.", "a value or a dose"),
        ("reminder_measurement", MEASURE + " See bit.ly/x.", "shortened addresses"),
        ("reminder_measurement", MEASURE + " word" * 60, "segments; 2 are the most"),
        ("reminder_measurement", MEASURE + " ☎ words" * 10, "Without the characters named below"),
        ("ask_rest", "{clinic}: rest {rest} minutes. Reply 1 if you feel none, 2 if any.", "cannot be left out"),
        ("ask_rest", "{clinic}: rest {rest} minutes. Ill: CALL 911. Reply 1 if none, 2 if any.", "it is at once"),
        ("ask_rest", "{clinic}: rest {rest} minutes. Ill: call 911 now. Reply 1 if none.", "told what 2 means"),
        ("ask_rest", "{clinic}: rest {rest} min. Do not just call 911 now. Reply 1 if none, 2 if any.", "should not call"),
        ("ask_rest", "{clinic}: rest {rest} min, then call 911 now. 1 if none, 2 if any, or STOP.", "“STOP” is a word"),
        ("emergency", "{clinic} will call you soon.", "cannot be left out"),
        ("emergency", "{clinic}: CALL 911 NOW." + " word" * 70, "2 are the most"),
        ("opt_out_confirmed", "{clinic}: no more texts from us.", "START must stay"),
        ("page_alert", "Careloop: Pat's alert. Open {url}", "told what 1 means"),
        ("say_refill", "{clinic}: " + "word " * 250, "1000 are the most"),
    ],
)  # fmt: skip
def test_what_must_not_be_said_or_left_out_is_refused_with_its_reason(name: str, text: str, says: str) -> None:
    assert says in problems(name, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{clinic}: descanse {rest} minutos. Responda 1 si no siente nada, 2 si siente algo.", "llame al 911"),
        ("{clinic}: descanse {rest} minutos. No tiene que llamar al 911 ya. Responda 1 si no, 2 si algo.", "should not call"),
        ("{clinic}: mida en {rest} minutos su presión. LLAME AL 911 YA. Responda 1 si no, 2 si algo.", "presion"),
    ],
)  # fmt: skip
def test_the_same_holds_in_spanish(text: str, says: str) -> None:
    assert says in problems("ask_rest", text, "es")


def test_a_preview_shows_what_arrives_what_it_costs_and_which_characters_make_it_long() -> None:
    seen = preview("reminder_measurement", "en", MEASURE.replace("please", "está bien “ok” á"), SAMPLES)
    assert seen.body.startswith("Aspen Heart Center: está bien")
    assert (seen.cost.encoding, seen.cost.segments, seen.costly) == ("ucs2", 2, ["á", "“", "”"])
    assert outside("plain é ñ") == []


def test_own_words_are_used_in_their_language_only_and_say_their_version() -> None:
    own = {("help", "en"): Own(version=1003, text="{clinic}: hello. STOP to end.")}
    said = wording.render("help", "en", own, clinic="Aspen")
    assert (said.body, said.version, said.purpose) == ("Aspen: hello. STOP to end.", 1003, "answer")
    assert wording.render("help", "es", own, clinic="Aspen").version == wording.catalogue("es")["help"].version


def test_own_words_that_want_what_we_no_longer_give_are_not_used_and_nothing_fails() -> None:
    own = {("help", "en"): Own(version=1001, text="{clinic} {gone}")}
    said = wording.render("help", "en", own, clinic="Aspen")
    assert (said.version, said.body[:6]) == (wording.catalogue("en")["help"].version, "Aspen:")


@pytest.mark.parametrize(
    ("language", "text", "low", "high"),
    [
        ("en", "The cat sat on the mat.", -2, 1),
        ("en", "Please take one today. Sit and rest. Reply C for a call.", -1, 3),
        (
            "en", "Comprehensive cardiovascular rehabilitation necessitates interdisciplinary participation and "
            "longitudinal documentation of physiological measurements.", 25, 45,
        ),
        ("es", "El gato come pan. Hoy es lunes.", 100, 125),
        (
            "es", "La rehabilitación cardiovascular interdisciplinaria requiere documentación longitudinal de las "
            "mediciones fisiológicas correspondientes.", -60, 20,
        ),
    ],
)  # fmt: skip
def test_easy_and_hard_texts_are_told_apart(language: str, text: str, low: float, high: float) -> None:
    assert low <= level(text, language).value <= high


def test_the_level_is_the_formula_over_counted_words_and_syllables() -> None:
    """Ten words, two sentences, thirteen syllables: 0.39 × 5 + 11.8 × 1.3 − 15.59 = 1.7."""
    found = level("Please take one today. Then sit down and rest quietly.", "en")
    assert (found.words, found.sentences, found.value) == (10, 2, 1.7)
    # Eight words, two sentences, fifteen syllables: 206.84 − 60 × 1.875 − 1.02 × 4 = 90.3.
    hoy = level("Tome una medida hoy. Luego descanse muy bien.", "es")
    assert (hoy.words, hoy.sentences, hoy.value) == (8, 2, 90.3)
    assert level("", "es").plain
    assert level("12 https://example.org/a", "en").words == 0


def test_syllables_are_counted_as_a_dictionary_has_them() -> None:
    words = {
        "en": "the-1 measure-2 asked-1 table-2 emergency-4 received-2 lately-2 measurement-3 somebody-3 hours-1 people-2 "
              "appointment-3 questions-2 minutes-2 area-3 times-1 pages-2 telephone-3 idea-3 quiet-2 every-2 closed-1",
        "es": "hora-2 día-2 después-2 llamada-3 río-2 poeta-3 agua-2 pingüino-3 quiere-2 guitarra-3 muy-1 todavía-4 país-2 "
              "aéreo-4 leer-2 cuidado-3 hoy-1 teléfono-4 chequeo-3 vacuna-3 queja-2 reúne-3",
    }  # fmt: skip
    for language, listed in words.items():
        for word, count in (pair.split("-") for pair in listed.split()):
            one = level(f"{word}.", language).value
            expected = 0.39 + 11.8 * int(count) - 15.59 if language == "en" else 206.84 - 60 * int(count) - 1.02
            assert one == round(expected, 1), word
