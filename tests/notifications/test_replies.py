"""What patients write, in two languages, and what it must mean."""

import json
from pathlib import Path

import pytest

from notifications.danger import mended
from notifications.replies import classify, plain
from tests import sentences
from tests.sentences import cases

KEYWORDS = (
    Path(__file__).parents[3] / "shared/fixtures/twilio/keywords_and_errors.json"
)  # beside the repository, where there is one

OPT_OUTS = """STOP|stop|Stop.|STOPALL|stop all|QUIT|END|REVOKE|OPTOUT|opt out|CANCEL|UNSUBSCRIBE|ALTO|alto!|PARAR|STOP PLEASE
please stop|Stop now thanks|stop texting me|please stop texting me|Please stop sending me these messages|stop these texts|no more texts
don't text me|Don’t text me again|do not contact me|do not text|take me off your list|remove my number|leave me alone|I want to opt out
I don't want these messages|No, stop.|no me manden mensajes|No me escriban más|no quiero más mensajes|deje de enviarme mensajes
ya no quiero recibir mensajes|quiero darme de baja|por favor ALTO|Cancel please"""

NOT_OPT_OUTS = """My dizziness won't stop|should I stop taking the pill?|I can't stop coughing|I need to cancel my appointment
at the end of the day|I stopped sending readings|when should I stop sending my readings?|I don't text well|no me mandaron la receta
mi presión está en lo alto|can you call me?|DONE"""

DANGERS = """I have chest pain|CHEST PAINS since noon|can't breathe|I cant breathe well|short of breath|I think I'm having a stroke|I fell|my face is drooping
numbness in my arm|I want to die|thinking of killing myself, kill myself|this is an emergency|call 911|no puedo respirar|¡Me duele el pecho!|me caí
me falta el aire|quiero morirme|es una emergencia|no chest pain today but I fainted"""

NOT_DANGERS = "wrong number|I fell asleep|thank you|my number is new|STOP|DONE|C|numbers look fine"


@pytest.mark.parametrize("text", cases(OPT_OUTS))
def test_what_asks_us_to_stop_is_an_opt_out(text: str) -> None:
    assert classify(text).says("opt_out")


@pytest.mark.parametrize("text", cases(NOT_OPT_OUTS))
def test_what_only_sounds_like_stopping_is_not_an_opt_out(text: str) -> None:
    assert not classify(text).says("opt_out")


@pytest.mark.parametrize("text", cases(DANGERS))
def test_danger_is_heard(text: str) -> None:
    assert classify(text).meaning == "danger"


@pytest.mark.parametrize("text", cases(NOT_DANGERS))
def test_ordinary_texts_are_not_danger(text: str) -> None:
    assert not classify(text).says("danger")


@pytest.mark.parametrize(
    "text", ["STOP. I have chest pain", "I can't breathe, stop texting me", "me duele el pecho, no me manden mensajes"]
)
def test_danger_outranks_an_opt_out_and_both_are_said(text: str) -> None:
    said = classify(text)
    assert said.meaning == "danger"
    assert "opt_out" in said.also


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("START", "start"), ("unstop", "start"), ("please start texting me again", "start"),
        ("HELP", "help"), ("info", "help"), ("ayuda", "help"),
        ("DONE", "done"), ("done!", "done"), ("Done, thanks", "done"), ("I already had it", "done"), ("ya me lo hice", "done"), ("hecho", "done"),
        ("I had my mammogram", "done"), ("it's booked", "booked"), ("I have an appointment", "booked"), ("tengo cita", "booked"),
        ("not done yet", "other"), ("I haven't done it", "other"), ("Is it done?", "other"), ("no lo he hecho", "other"),
        ("C", "call_me"), ("c.", "call_me"), ("please call me", "call_me"), ("llámeme", "call_me"),
        ("wrong number", "wrong_number"), ("", "other"), ("👍", "other"), ("128/82", "reading"),
        ("sugar was 120", "reading"), ("I took my pills", "taken"), ("taken", "taken"), ("ya me la tomé", "taken"),
        ("I forgot my pills", "not_taken"), ("I didn't take it", "not_taken"), ("no me lo tomé", "not_taken"),
        ("not interested", "opt_out"), ("no gracias", "not_for_me"), ("remind me later", "later"), ("mañana", "later"),
    ],
)  # fmt: skip
def test_a_reply_has_the_meaning_a_person_would_give_it(text: str, meaning: str) -> None:
    assert classify(text).meaning == meaning


@pytest.mark.skipif(not KEYWORDS.exists(), reason="the shared Twilio fixtures are not on this machine")
def test_every_keyword_of_the_carrier_is_known_and_left_to_it_to_confirm() -> None:
    keywords = json.loads(KEYWORDS.read_text())
    for word in keywords["opt_out_keywords"]:
        assert classify(f" {word.lower()} ").meaning == "opt_out"
        assert classify(word).carrier_answers
    for word in keywords["opt_in_keywords"]:
        assert classify(word).meaning == "start"
        assert classify(word).carrier_answers
    assert not classify("STOP PLEASE").carrier_answers
    assert not classify("PARAR").carrier_answers


@pytest.mark.parametrize(
    ("texts", "meaning", "holds"),
    [
        (sentences.DANGERS, "danger", True), (sentences.NOT_DANGERS, "danger", False),
        (sentences.OPT_OUTS, "opt_out", True), (sentences.NOT_OPT_OUTS, "opt_out", False),
    ],
    ids=["danger", "no danger", "opt-out", "no opt-out"],
)  # fmt: skip
def test_of_all_that_was_collected_none_is_taken_wrongly(texts: str, meaning: str, holds: bool) -> None:
    """Falls, despair, misspelt and in a hurry, in two languages; a call too many is cheaper than one too few."""
    wrong = [text for text in cases(texts) if classify(text).says(meaning) != holds]  # type: ignore[arg-type]
    print(f"{meaning}: {len(wrong)} of {len(cases(texts))} wrong")
    assert wrong == []


@pytest.mark.parametrize("word", ["painted", "hecho", "heard", "breadth", "comida", "hears", "checking", "strike"])
def test_a_word_of_its_own_is_not_mended_into_one_of_danger(word: str) -> None:
    assert mended(word) == word


NO_SYMPTOMS = """1|1.|uno|no|No|none|nope|ninguno|nada|no symptoms|sin síntomas|no dolor|no chest pain|no chest pain, no numbness
no chest pain, numbness or weakness|sin dolor de pecho ni falta de aire|I feel fine|feeling good thanks|estoy bien|me siento bien|todo bien
I don't have chest pain or shortness of breath|no headache|none of these"""
SYMPTOMS = """2|2.|dos|si|Sí|yes|a little dizzy|me duele la cabeza|not good|I don't feel well|no me siento bien|no puedo respirar|2 weak arm
no chest pain but my arm is numb|none, but a headache|no pain, short of breath|1 but dizzy|not breathing well|no quiero vivir|bad|mal"""
NEITHER = "ok|thanks|done|STOP|150/90|who is this|measuring again now|C|👍|"


@pytest.mark.parametrize(
    ("texts", "answer"),
    [(NO_SYMPTOMS, "no_symptoms"), (SYMPTOMS, "symptoms"), (NEITHER, None)],
    ids=["none", "some", "?"],
)
def test_who_was_asked_for_symptoms_is_understood_and_doubt_is_a_symptom(texts: str, answer: str | None) -> None:
    wrong = {text: said for text in cases(texts) if (said := classify(text, asked=True).answer) != answer}
    assert wrong == {}


@pytest.mark.parametrize("text", ["no chest pain", "1", "2", "si", "no dolor"])
def test_who_was_not_asked_gives_no_answer_and_a_denial_still_reaches_a_nurse(text: str) -> None:
    said = classify(text)
    assert said.answer is None
    assert said.says("danger") is ("chest" in text)


def test_words_of_danger_outrank_every_denial() -> None:
    said = classify("no chest pain but I cant breathe, stop texting me", asked=True)
    assert (said.meaning, said.also, said.answer) == ("danger", ("opt_out",), "symptoms")


@pytest.mark.parametrize("text", ["", " ", "👍👍", "\u200b", "a" * 5000, "!" * 2000, "no " * 800, "stop " * 500])
def test_whatever_comes_is_understood_as_something(text: str) -> None:
    assert classify(text, asked=True).meaning and plain(text) is not None
