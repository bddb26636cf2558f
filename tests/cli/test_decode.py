"""`careloop decode` as a person runs it: one object a line, an exit code, nothing stored, no settings needed."""

from pathlib import Path

import pytest

from tests.cli.command import careloop

HIGH = '{"kind": "blood_pressure", "systolic": 400, "diastolic": 92, "measured_at": "2026-03-02T07:42:10-05:00"}'


async def test_a_reading_is_one_object_with_numbers_and_what_is_implausible_is_said(tmp_path: Path) -> None:
    file = tmp_path / "message.json"
    file.write_text(HIGH)
    ran = await careloop("decode", str(file))
    assert ran.code == 0, ran.err
    assert ran.objects == [
        {
            "kind": "blood_pressure",
            "measured_at": "2026-03-02T07:42:10-05:00",
            "systolic_mmhg": 400,
            "diastolic_mmhg": 92,
            "flags": ["implausible"],
            "measured_at_raw": "2026-03-02T07:42:10-05:00",
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "typed", "reason"),
    [
        (["--format", "gatt"], '{"characteristic": "2A35", "value": "00ff07ff07ff07"}', "failed_measurement"),
        ([], '{"characteristic": "2A35", "value": "01"}', "malformed"),
        ([], "hello", "unknown_format"),
        (["--format", "fhir"], "hello", "not_json"),
    ],
)
async def test_what_cannot_be_decoded_is_refused_with_its_reason_and_exit_code_1(
    arguments: list[str], typed: str, reason: str
) -> None:
    ran = await careloop("decode", *arguments, "-", typed=typed)
    assert ran.code == 1
    assert ran.objects == [{"refused": reason}]


async def test_several_readings_are_several_lines_and_one_refused_among_them_is_exit_code_1() -> None:
    ran = await careloop("decode", "-", typed='[{"kind": "pulse", "pulse": 60}, {"kind": "mood"}]')
    assert ran.code == 1
    assert [one.get("kind") or one["refused"] for one in ran.objects] == ["pulse", "unknown_kind"]


async def test_a_file_that_is_not_there_is_wrong_usage() -> None:
    ran = await careloop("decode", "nowhere.json")
    assert ran.code == 2
    assert "cannot be read" in ran.err
