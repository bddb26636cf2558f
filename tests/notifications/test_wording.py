"""Every text we ship: short, plain, safe, and in both languages."""

import re

import pytest

from notifications import wording
from notifications.segments import cost, fold

FIELDS = {
    "time": "14:05", "more": "2",
    "clinic": "Clínica Río Grande Heart Center", "url": "https://careloop.clinic.example.org/portal",
    "when": "Mon Nov 23, 08:00", "rest": "5", "measured": "23:50 (Nov 21)", "arrived": "14:22",
    "count": "12", "code": "123456", "phone": "+1 212-555-0100", "choices": "1 Guadalupe, 2 Maximiliano",
}  # fmt: skip
ALL = [(language, name) for language in wording.LANGUAGES for name in wording.catalogue(language)]


@pytest.mark.parametrize(("language", "name"), ALL)
def test_a_text_fits_two_segments_of_the_cheap_alphabet(language: str, name: str) -> None:
    price = cost(wording.render(name, language, **FIELDS).body)
    assert price.encoding == "gsm7"
    assert price.segments <= 2


@pytest.mark.parametrize(("language", "name"), ALL)
def test_no_text_asks_for_a_word_that_carriers_take_for_themselves(language: str, name: str) -> None:
    text = wording.catalogue(language)[name].text  # type: ignore[index]
    asked = re.findall(r"(?:reply|Reply|responda|Responda) ([A-Z0-9]+)(?! to end)", text)
    assert not {"YES", "CANCEL", "END", "QUIT", "STOPALL", "INFO", "UNSTOP"} & set(asked)


@pytest.mark.parametrize("name", sorted(wording.catalogue("en")))
def test_both_languages_have_the_same_texts_for_the_same_purpose_and_fields(name: str) -> None:
    english, spanish = wording.catalogue("en")[name], wording.catalogue("es")[name]
    assert (english.purpose, english.fields, english.version) == (spanish.purpose, spanish.fields, spanish.version)
    assert set(wording.catalogue("en")) == set(wording.catalogue("es"))


@pytest.mark.parametrize(("language", "name"), [x for x in ALL if x[1].startswith("reminder")])
def test_a_reminder_says_how_to_end_it_and_how_to_get_help(language: str, name: str) -> None:
    body = wording.render(name, language, **FIELDS).body
    assert "STOP" in body
    assert "HELP" in body


# First aid for low sugar has to say what to take.
@pytest.mark.parametrize(("language", "name"), [x for x in ALL if x[1] != "ask_low"])
def test_no_text_speaks_of_the_body(language: str, name: str) -> None:
    text = wording.catalogue(language)[name].text.lower()  # type: ignore[index]
    told = r"mammo|colon|cancer|pressure|presi[oó]n|glucose|glucosa|sugar|heart|coraz|diabet|insulin|weight|peso|mg|mmhg|oxygen"
    assert re.search(told, text) is None


def test_a_language_we_do_not_have_falls_back_to_english() -> None:
    assert wording.render("test", "fr").language == "en"


def test_a_field_left_out_is_our_mistake_and_says_so() -> None:
    with pytest.raises(KeyError, match="clinic"):
        wording.render("help", "en")


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", "gsm7", 0, 1), ("a" * 160, "gsm7", 160, 1), ("a" * 161, "gsm7", 161, 2), ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3), ("€" * 80, "gsm7", 160, 1), ("€" * 81, "gsm7", 162, 2), ("éñü" * 53, "gsm7", 159, 1),
        ("á", "ucs2", 1, 1), ("í" * 70, "ucs2", 70, 1), ("ó" * 71, "ucs2", 71, 2), ("👍" * 35, "ucs2", 70, 1), ("👍" * 36, "ucs2", 72, 2),
    ],
)  # fmt: skip
def test_segments_are_counted_as_carriers_bill_them(text: str, encoding: str, units: int, segments: int) -> None:
    price = cost(text)
    assert (price.encoding, price.units, price.segments) == (encoding, units, segments)


def test_folding_keeps_what_the_cheap_alphabet_has() -> None:
    assert fold("José Martí, Ñuñoa – “ok”") == 'José Marti, Ñuñoa - "ok"'
    assert fold("日本") == "日本"
