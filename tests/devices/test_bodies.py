"""Invented bodies: believable, seeded, inside the limits when calm and across them when not."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from devices import bodies
from devices.bodies import Body, Kind
from devices.formats import decode
from devices.units import KINDS

LIMITS = {
    "systolic": (90, 179.9), "diastolic": (20, 119.9), "glucose": (70, 250), "spo2": (94.1, 100),
    "pulse": (50, 120), "temperature": (35, 37.99), "weight": (2, 83),
}  # fmt: skip
START = datetime(2026, 9, 1, 7, tzinfo=UTC)
PATIENT = Body(systolic=146, diastolic=92, excited_mornings=12, dry_weight=83, weight=82, glucose=150)


def shown(seed: int, kind: Kind) -> list[bodies.Shown]:
    chance = random.Random(seed)
    return [bodies.calm(PATIENT, kind, START + timedelta(hours=7 * n), -60 + n // 4, chance) for n in range(400)]


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_calm_reading_crosses_nothing(kind: Kind) -> None:
    for fields in shown(7, kind):
        for name, value in fields.items():
            if name != "context":
                low, high = LIMITS[name]
                assert low <= value <= high, (name, value)


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_same_seed_shows_the_same(kind: Kind) -> None:
    assert shown(7, kind) == shown(7, kind)
    assert shown(7, kind) != shown(8, kind)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("seed", range(20))
def test_a_crossing_crosses(kind: Kind, seed: int) -> None:
    fields = bodies.crossing(PATIENT, kind, random.Random(seed))
    main = {"blood_pressure": "systolic"}.get(kind, kind)
    low, high = LIMITS[main]
    assert not low <= fields[main] <= high


def test_blood_pressure_follows_the_clock() -> None:
    chance, calm = random.Random(3), Body(systolic=128)
    by_hour = {
        hour: [bodies.calm(calm, "blood_pressure", START.replace(hour=hour), 0, chance)["systolic"] for _ in range(200)]
        for hour in (4, 16)
    }
    assert sum(by_hour[16]) / 200 - sum(by_hour[4]) / 200 > 8


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_is_shown_is_native_json(kind: Kind) -> None:
    import msgspec

    payload = msgspec.json.encode({"seq": 1, "kind": kind, "measured_at": START.isoformat(), **shown(1, kind)[0]})
    (entry,) = decode(payload, "native")
    assert type(entry.decoded).__name__ == "DecodedReading"
