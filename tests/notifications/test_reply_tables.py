"""What patients write, in tables that people labelled: recall of danger and opt-out, confusion, and false alarms.

`replies_seen.tsv` is ours, and rules and model were made with it; who wrote `replies_unseen.tsv` and the blind tables
never saw the code.
"""

import csv
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from notifications.danger import mended, says_danger, why_danger
from notifications.phrases import Rules
from notifications.replies import Meaning, classify, plain
from notifications.spelling import folded, joined
from notifications.stopping import why_stop
from notifications.tongue import tongue

HERE = Path(__file__).parent
GRAVE: tuple[Meaning, ...] = ("danger", "opt_out")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A text and what a person says that it means."""

    language: str
    meanings: frozenset[str]
    first: str
    text: str


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    confusion: Counter[tuple[str, str]]
    missed: dict[str, list[str]]
    wanted: dict[str, int]
    alarmed: list[str]
    harmless: int


def rows_of(name: str) -> list[Row]:
    with (HERE / name).open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            Row(
                language=row["language"],
                meanings=frozenset({row["meaning"], *(row["also"] or "").split(",")}) - {""},
                first=row["meaning"],
                text=row["text"],
            )
            for row in rows
        ]


def counted(rows: list[Row]) -> Counted:
    said = {row.text: classify(row.text) for row in rows}
    harmless = [row for row in rows if not row.meanings & set(GRAVE)]
    return Counted(
        confusion=Counter((row.first, said[row.text].meaning) for row in rows),
        missed={m: [r.text for r in rows if m in r.meanings and not said[r.text].says(m)] for m in GRAVE},
        wanted={m: sum(m in r.meanings for r in rows) for m in GRAVE},
        alarmed=[row.text for row in harmless if any(said[row.text].says(m) for m in GRAVE)],
        harmless=len(harmless),
    )


def show(name: str, found: Counted) -> None:
    print(f"{name}: meant → understood: how many")
    for (meant, understood), many in sorted(found.confusion.items()):
        print(f"  {meant:>12} → {understood:<12} {many:4}")
    for meaning in GRAVE:
        print(f"missed {meaning}: {len(found.missed[meaning])} of {found.wanted[meaning]} {found.missed[meaning]}")
    print(f"false alarms: {len(found.alarmed)} of {found.harmless} harmless texts {found.alarmed}")


def test_no_danger_and_no_opt_out_of_our_own_table_is_missed() -> None:
    rows = rows_of("replies_seen.tsv")
    found = counted(rows)
    show("seen", found)
    assert len(rows) >= 300
    assert {row.language for row in rows} == {"en", "es"}
    assert len({row.first for row in rows}) == len(Meaning.__args__)  # type: ignore[attr-defined]
    assert found.missed == {"danger": [], "opt_out": []}


def test_of_a_table_by_somebody_who_never_saw_the_code_one_in_a_hundred_may_be_missed() -> None:
    found = counted(rows_of("replies_unseen.tsv"))
    show("unseen", found)
    for meaning in GRAVE:
        assert len(found.missed[meaning]) <= 0.01 * found.wanted[meaning]


@pytest.mark.parametrize("name", ["replies_seen.tsv", "replies_unseen.tsv"])
def test_plain_thanks_readings_and_jokes_are_seldom_taken_for_danger_or_an_opt_out(name: str) -> None:
    found = counted(rows_of(name))
    print(f"{name}: {len(found.alarmed)} of {found.harmless} {found.alarmed}")
    assert len(found.alarmed) <= 0.15 * found.harmless


@pytest.mark.parametrize(
    ("text", "danger"),
    [
        ("sugar 41", True), ("azucar 480", True), ("bp 210/130", True), ("200 over 110", True), ("oxygen 82", True),
        ("185/112 and a bad headache", True), ("presion 190/100 y mareada", True), ("took 12 pills", True),
        ("sugar 65 shaky", True), ("fever 104", True), ("sugar 54", False), ("sugar 399", False), ("bp 182/112", False),
        ("140/90", False), ("took 2 pills", False), ("oxygen 95", False), ("weight 210", False),
        ("bp 185/110 no headache", False), ("pulse 72", False), ("appointment 10/30", False),
    ],
)  # fmt: skip
def test_a_number_that_is_danger_by_itself_is_heard(text: str, danger: bool) -> None:
    assert classify(text).says("danger") is danger


@pytest.mark.parametrize(
    "text",
    [
        "please dont stop sending these", "no pare de mandarme mensajes", "never stop texting me", "the bus stop",
        "I can't stop eating", "no puedo parar de comer", "stop by tomorrow", "my nose wont stop running",
        "can I stop taking the pill", "I quit smoking", "quiero cancelar mi cita", "keep sending them", "thanks!",
    ],
)  # fmt: skip
def test_who_wants_to_go_on_and_what_else_stops_is_no_opt_out(text: str) -> None:
    assert not classify(text).says("opt_out")


@pytest.mark.parametrize(
    "text", ["No, stop texting me", "no, dejen de mandar mensajes", "Hola. Paren ya. Gracias", "this needs to stop"]
)
def test_a_no_before_a_comma_does_not_turn_a_wish_to_stop_round(text: str) -> None:
    assert classify(text).says("opt_out")


@pytest.mark.parametrize(
    "text", ["dying to see the results", "me muero de risa", "this heat is killing me lol", "my phone is dying"]
)
def test_a_joke_about_dying_is_no_danger(text: str) -> None:
    assert not says_danger(plain(text))


def test_a_rule_is_words_in_order_or_near_each_other_unless_something_stands_by() -> None:
    rules = Rules(
        {"BODY": "chest arm*", "PAIN": "pain hurts"}, "~3 BODY PAIN - freezer\n1 give up|in now\npass_out\n# nothing"
    )
    held = [
        "my chest really hurts", "hurts a lot in arms", "give up now", "give it in right now", "i pass out", "pass it out",
        "hurts a b c d chest", "chest freezer pain", "now give up",
    ]  # fmt: skip
    assert [rules.held(text.split()) is not None for text in held] == [
        *(True, True, True, True, True, False),
        *(False, False, False),
    ]
    with pytest.raises(KeyError):
        Rules({}, "NOSUCH concept")


def test_misspelt_words_are_read_as_they_sound_or_as_the_nearest_word() -> None:
    assert folded("bomitando") == folded("vomitando")
    assert folded("haogo") == folded("aogo")
    assert mended("convulcionando") == "convulsionando"
    assert mended("emergancy ambulence") == "emergency ambulance"
    assert joined("i can t") == joined("i cannot") == "i cant"
    assert mended("blood pressure") == "bp"


def test_what_was_heard_can_be_shown() -> None:
    assert why_danger("my chest hurts") is not None
    assert why_stop("lose my number") is not None
    assert why_danger("thank you") is None
    assert why_stop("thank you") is None


# Each by somebody who saw neither code nor tables. After one was measured, the corpus grew by lines on other themes and
# by other writers; the last was measured once, after the last change.
@pytest.mark.parametrize(
    ("name", "danger", "opt_out"),
    [
        ("replies_blind.tsv", 0.95, 0.99), ("replies_blind_2.tsv", 0.99, 0.97), ("replies_blind_3.tsv", 0.98, 0.96),
        ("replies_blind_4.tsv", 0.98, 0.98), ("replies_blind_5.tsv", 0.99, 0.99),
    ],
)  # fmt: skip
def test_on_tables_nobody_worked_with_it_is_as_good_as_was_measured(name: str, danger: float, opt_out: float) -> None:
    """What is missed goes to a person all the same, as a message nobody understood."""
    found = counted(rows_of(name))
    show(name, found)
    heard = {m: 1 - len(found.missed[m]) / found.wanted[m] for m in GRAVE}
    assert heard["danger"] >= danger
    assert heard["opt_out"] >= opt_out


@pytest.mark.parametrize("text", ["me corte las venas", "he is gonna end it all"])
def test_who_speaks_of_ending_it_is_not_taken_off_the_list(text: str) -> None:
    said = classify(text)
    assert said.says("danger")
    assert not said.says("opt_out")


def test_the_language_of_a_text_of_danger_is_heard() -> None:
    """Not of our own table: there it says in whose list a text stands."""
    tables = ("replies_unseen.tsv", *(path.name for path in HERE.glob("replies_blind*.tsv")))
    rows = [row for name in tables for row in rows_of(name) if "danger" in row.meanings]
    missed = [row.text for row in rows if tongue(row.text) != row.language]
    print(f"language: {len(missed)} of {len(rows)} {missed}")
    assert len(rows) >= 800
    assert len(missed) <= 0.01 * len(rows)
