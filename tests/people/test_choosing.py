"""Whom a step means, as a table: who is away is told only where everybody is."""

import uuid

import pytest

from server.people.roster import Reachable, choose
from tests.flows.test_reading import NOW

TEAM = uuid.uuid4()


def person(number: int, role: str = "nurse", **more: object) -> Reachable:
    usual = {
        "team_id": TEAM, "staff_id": uuid.UUID(int=number), "name": str(number), "phone": f"+{number}", "role": role,
        "of_team": True, "is_charge": False, "is_fallback": False, "away": False, "on_since": None, **more,
    }  # fmt: skip
    return Reachable(**usual)  # type: ignore[arg-type]


HERE = person(1, on_since=NOW)
OTHER = person(2)
SICK_STAND_IN = person(3, is_fallback=True, away=True)
STAND_IN = person(4, role="coordinator", is_fallback=True, of_team=False)
SICK_DOCTOR, DOCTOR = person(5, role="clinician", away=True), person(6, role="clinician")
SICK_ADMIN = person(7, role="admin", away=True)


@pytest.mark.parametrize(
    ("who", "people", "chosen"),
    [
        ("on_shift", [HERE, STAND_IN], HERE),
        ("on_shift", [OTHER, STAND_IN], STAND_IN),
        ("on_shift", [OTHER, SICK_STAND_IN], OTHER),
        ("fallback", [OTHER, SICK_STAND_IN], OTHER),
        ("fallback", [HERE, SICK_STAND_IN], HERE),
        ("fallback", [SICK_STAND_IN], SICK_STAND_IN),
        ("clinician", [SICK_DOCTOR, DOCTOR], DOCTOR),
        ("clinician", [HERE, SICK_DOCTOR, STAND_IN], STAND_IN),
        ("admin", [HERE, OTHER, SICK_ADMIN], OTHER),
        ("admin", [SICK_ADMIN], SICK_ADMIN),
        ("backup", [HERE, SICK_STAND_IN, OTHER], OTHER),
        ("on_shift", [], None),
    ],
)
def test_who_is_told(who: str, people: list[Reachable], chosen: Reachable | None) -> None:
    assert choose(people, who) == (chosen.contact if chosen else None)
