"""Patients are found by the beginnings of their names, within their organization only."""

from datetime import date

import pytest

from server.errors import Conflict, Invalid
from server.people import patients
from server.people.patients import tokens
from tests.people.desk import Desk


async def names(desk: Desk, q: str) -> list[str]:
    async with desk.web.transaction(desk.who) as db:
        return [found.name for found in await patients.find(db, q)]


@pytest.mark.parametrize("q", ["nun", "NÚÑ", "ana mar", "nunez ana", "o'ha", "ohara", "LF-7", ""])
async def test_a_patient_is_found_by_begun_words_without_accents_or_by_record_number(desk: Desk, q: str) -> None:
    await desk.admit(given_name="Ana María", family_name="Núñez-O'Hara", mrn="LF-7")
    assert await names(desk, q) == ["Ana María Núñez-O'Hara"]


@pytest.mark.parametrize("q", ["unez", "ana zz", "LF-", "%", "_", "'; --"])
async def test_what_is_in_no_name_finds_nobody(desk: Desk, q: str) -> None:
    await desk.admit(given_name="Ana María", family_name="Núñez-O'Hara", mrn="LF-7")
    assert await names(desk, q) == []


async def test_another_organization_finds_and_gets_nobody(desk: Desk, other_desk: Desk) -> None:
    patient = await desk.admit()
    assert await names(other_desk, "ada") == []
    async with other_desk.web.transaction(other_desk.who) as db:
        assert await patients.get(db, patient.id) is None
    async with desk.web.transaction(desk.who) as db:
        assert await patients.get(db, patient.id) == patient


async def test_a_record_number_belongs_to_one_patient_of_an_organization(desk: Desk, other_desk: Desk) -> None:
    await desk.admit(mrn="7")
    with pytest.raises(Conflict, match="7"):
        await desk.admit(mrn="7", given_name="Bea")
    await other_desk.admit(mrn="7")
    assert await names(desk, "bea") == []


@pytest.mark.parametrize(
    ("born", "on", "age"),
    [
        (date(1951, 4, 2), date(2026, 4, 1), 74),
        (date(1951, 4, 2), date(2026, 4, 2), 75),
        (date(2000, 2, 29), date(2026, 2, 28), 25),
        (date(2000, 2, 29), date(2026, 3, 1), 26),
    ],
)
async def test_age_counts_whole_years(desk: Desk, born: date, on: date, age: int) -> None:
    patient = await desk.admit(birth_date=born)
    assert patient.age(on) == age


def test_words_are_folded_the_same_when_written_and_when_asked() -> None:
    assert tokens("  Ana-María  NÚÑEZ ") == tokens("nunez ANA maria") == ["ana", "maria", "nunez"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"birth_date": date(2200, 1, 1)},
        {"birth_date": date(1899, 1, 1)},
        {"given_name": " "},
        {"zone": "America/Denvr"},
        {"phone": "call me"},
        {"programmes": ("gout",)},
        {"dry_weight_kg": 9000.0},
        {"clinic": "Elsewhere"},
    ],
)
async def test_what_cannot_be_right_is_said_and_nothing_is_written(desk: Desk, wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        await desk.admit(**wrong)
    assert await names(desk, "") == []
