"""What a reading in doubt could mean."""

from decimal import Decimal
from typing import Any

import pytest

from devices.decoded import DecodedReading
from devices.meanings import meanings


def reading(**values: str) -> DecodedReading:
    return DecodedReading(kind="x", values={name: Decimal(value) for name, value in values.items()})


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({"temperature_c": "98.6"}, [{"temperature_c": "37.00"}]),
        ({"glucose_mgdl": "2.8"}, [{"glucose_mgdl": "50.5"}]),
        ({"systolic_mmhg": "24.5", "diastolic_mmhg": "16.2"}, [{"systolic_mmhg": "183.8", "diastolic_mmhg": "121.5"}]),
        ({"systolic_mmhg": "24.5", "diastolic_mmhg": "16.2", "pulse_bpm": "71"},
         [{"systolic_mmhg": "183.8", "diastolic_mmhg": "121.5", "pulse_bpm": "71"}]),
        ({"weight_kg": "440"}, [{"weight_kg": "199.58"}]),
        ({"systolic_mmhg": "310", "diastolic_mmhg": "124"}, [{"systolic_mmhg": "310", "diastolic_mmhg": "124"}]),
        ({"spo2_pct": "101"}, [{"spo2_pct": "101"}]),
        ({"weight_kg": "180"}, [{"weight_kg": "180"}, {"weight_kg": "81.65"}]),
        ({"glucose_mgdl": "12"}, [{"glucose_mgdl": "12"}, {"glucose_mgdl": "216.2"}]),
        ({"glucose_mgdl": "2162.2"}, [{"glucose_mgdl": "2162.2"}, {"glucose_mgdl": "120.0"}]),  # labelled mmol/L
        ({"temperature_c": "2.83"}, [{"temperature_c": "2.83"}, {"temperature_c": "37.09"}]),  # labelled °F
    ],
)  # fmt: skip
def test_numbers_are_read_in_every_unit_that_makes_them_possible(sent: dict[str, str], meant: list[Any]) -> None:
    expected = [{name: Decimal(value) for name, value in one.items()} for one in meant]
    assert meanings(reading(**sent)) == expected


def test_a_wrong_label_is_believed_when_it_brings_the_number_nearer_to_the_patients_own() -> None:
    usual = {"weight_kg": Decimal(82)}
    assert {"weight_kg": Decimal("82.01")} in meanings(reading(weight_kg="37.2"), usual)
    assert {"weight_kg": Decimal("82.01")} not in meanings(reading(weight_kg="37.2"))
    assert meanings(reading(weight_kg="180"), usual) == meanings(reading(weight_kg="180"))
