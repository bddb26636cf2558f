"""Admission: programmes, own limits, consent, account and audit come together or not at all."""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from server.errors import Conflict, Invalid
from server.flows.hire import NewLogin
from server.monitoring import limits, rules
from server.monitoring.rules import Measured
from server.people import consent, enrolments, patients, zones
from tests.people.desk import NOW, PASSWORD, Desk


async def severity(database: Database, desk: Desk, patient: uuid.UUID, kind: str, **values: float) -> str | None:
    """What a reading of this patient would be judged as."""
    async with database.transaction(desk.who) as db:
        applying = await limits.of_patients(db, [patient], NOW)
    measured = Measured(
        id=uuid7(), organization_id=desk.organization, patient_id=patient, kind=kind, out_of_range=None,
        values={name: Decimal(str(value)) for name, value in values.items()}, measured_at=NOW, age="live",
    )  # fmt: skip
    found = rules.judge([measured], applying)
    assert len(found) <= 1
    return found[0].severity if found else None


async def test_copd_without_an_own_oxygen_target_is_refused(desk: Desk) -> None:
    with pytest.raises(Invalid, match="oxygen"):
        await desk.admit(programmes=("copd",))


@pytest.mark.parametrize("programmes", [("copd",), ("copd", "heart_failure"), ("heart_failure", "copd", "diabetes")])
@pytest.mark.parametrize(("spo2", "expected"), [(91, None), (88, None), (87.5, "high"), (87, "high"), (94, None)])
async def test_in_copd_only_the_patients_own_target_judges(
    desk: Desk, programmes: tuple[str, ...], spo2: float, expected: str | None
) -> None:
    patient = await desk.admit(programmes=programmes, spo2_target_pct=88)
    assert await severity(desk.web, desk, patient.id, "spo2", spo2_pct=spo2) == expected


@pytest.mark.parametrize("programmes", [("pregnancy",), ("pregnancy", "hypertension"), ("heart_failure", "pregnancy")])
@pytest.mark.parametrize(
    ("systolic", "diastolic", "expected"),
    [(160, 80, "high"), (159, 110, "high"), (159, 109, "medium"), (140, 60, "medium"), (139, 90, "medium"), (139, 89, None)],
)  # fmt: skip
async def test_in_pregnancy_the_stricter_limits_count_once_whatever_other_programme_there_is(
    desk: Desk, programmes: tuple[str, ...], systolic: float, diastolic: float, expected: str | None
) -> None:
    patient = await desk.admit(programmes=programmes)
    values = {"systolic_mmhg": systolic, "diastolic_mmhg": diastolic}
    assert await severity(desk.web, desk, patient.id, "blood_pressure", **values) == expected


async def test_an_own_limit_ends_by_itself(desk: Desk, owner: Any) -> None:
    patient = await desk.admit(programmes=("copd",), spo2_target_pct=88)
    await owner.execute("UPDATE patient_limit SET valid_to = $1", NOW + timedelta(days=7))
    assert await severity(desk.web, desk, patient.id, "spo2", spo2_pct=91) is None
    await owner.execute("UPDATE patient_limit SET valid_to = $1", NOW)
    assert await severity(desk.web, desk, patient.id, "spo2", spo2_pct=91) == "high"


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("blood_pressure", {"systolic_mmhg": 180, "diastolic_mmhg": 80}, "high"),
        ("blood_pressure", {"systolic_mmhg": 179, "diastolic_mmhg": 119}, None),
        ("blood_pressure", {"systolic_mmhg": 150, "diastolic_mmhg": 120}, "high"),
        ("blood_pressure", {"systolic_mmhg": 89, "diastolic_mmhg": 60}, "medium"),
        ("blood_pressure", {"systolic_mmhg": 90, "diastolic_mmhg": 60}, None),
        ("glucose", {"glucose_mgdl": 53.9}, "high"),
        ("glucose", {"glucose_mgdl": 54}, "medium"),
        ("glucose", {"glucose_mgdl": 70}, None),
        ("glucose", {"glucose_mgdl": 250}, None),
        ("glucose", {"glucose_mgdl": 251}, "medium"),
        ("glucose", {"glucose_mgdl": 400}, "high"),
        ("spo2", {"spo2_pct": 95}, None),
        ("spo2", {"spo2_pct": 94}, "medium"),
        ("spo2", {"spo2_pct": 92}, "high"),
        ("pulse", {"pulse_bpm": 49}, "medium"),
        ("pulse", {"pulse_bpm": 50}, None),
        ("pulse", {"pulse_bpm": 121}, "medium"),
        ("temperature", {"temperature_c": 38.0}, "medium"),
        ("temperature", {"temperature_c": 39}, "medium"),
        ("temperature", {"temperature_c": 39.1}, "high"),
        ("temperature", {"temperature_c": 34.9}, "high"),
        ("weight", {"weight_kg": 200}, None),
    ],
)
async def test_the_defaults_judge_as_the_clinical_page_says(
    desk: Desk, kind: str, values: dict[str, float], expected: str | None
) -> None:
    """For a patient of any programme: everybody is in general monitoring too (CLINICAL.md)."""
    patient = await desk.admit(programmes=())
    assert await severity(desk.web, desk, patient.id, kind, **values) == expected


@pytest.mark.parametrize(("kg", "expected"), [(80.0, None), (80.1, "medium")])
async def test_weight_is_judged_by_the_patients_dry_weight(desk: Desk, kg: float, expected: str | None) -> None:
    patient = await desk.admit(programmes=("heart_failure",), dry_weight_kg=80)
    assert await severity(desk.web, desk, patient.id, "weight", weight_kg=kg) == expected


async def test_everything_of_an_admission_is_written_and_audited(desk: Desk, owner: Any) -> None:
    login = NewLogin(login="Ada", password=PASSWORD)
    patient = await desk.admit(
        phone="(212) 555-0123", consents=("monitoring",), login=login, programmes=("diabetes", "hypertension")
    )
    async with desk.web.transaction(desk.who) as db:
        stored = await patients.get(db, patient.id)
        assert stored is not None
        assert (stored.phone, stored.zone) == ("+12125550123", "America/Denver")
        assert [c.topic for c in await consent.current(db, patient.id, NOW)] == ["monitoring"]
        codes = {e.code for e in await enrolments.of(db, patient.id, NOW)}
        assert codes == {"diabetes", "hypertension", "general"}
    assert await owner.fetchval("SELECT count(*) FROM account WHERE login = 'ada' AND patient_id = $1", patient.id) == 1
    rows = await owner.fetch("SELECT principal, action FROM audit WHERE patient_id = $1", patient.id)
    assert [tuple(row) for row in rows] == [("cli:tests", "patient.admit")]


async def test_a_taken_login_name_leaves_nothing_of_the_admission(desk: Desk, other_desk: Desk, owner: Any) -> None:
    await other_desk.admit(login=NewLogin(login="ada", password=PASSWORD))
    with pytest.raises(Conflict, match="login"):
        await desk.admit(login=NewLogin(login="ADA", password=PASSWORD))
    assert await owner.fetchval("SELECT count(*) FROM patient WHERE organization_id = $1", desk.organization) == 0
    audited = "SELECT count(*) FROM audit WHERE action = 'patient.admit' AND organization_id = $1"
    assert await owner.fetchval(audited, desk.organization) == 0


async def test_a_short_password_is_refused(desk: Desk) -> None:
    with pytest.raises(Invalid, match="12"):
        await desk.admit(login=NewLogin(login="ada", password="short"))


async def test_a_zone_that_only_python_knows_is_refused_with_advice(
    desk: Desk, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One such patient would stop the planning of reminders for everybody."""
    monkeypatch.setattr(zones, "known", lambda typed: typed)
    with pytest.raises(Invalid, match="does not know the zone America/Atlantis"):
        await desk.admit(zone="America/Atlantis")
    for table in ("organization", "clinic"):
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await owner.execute(f"UPDATE {table} SET zone = 'America/Atlantis'")
