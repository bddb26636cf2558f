"""Every format's invented samples decode to what is written beside them, by the function and by the command."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from devices import campaign, formats
from devices.decoded import DecodedReading, Entry, Refused
from devices.formats import detect, making
from server.cli.decode import _exact, _shown
from tests.devices.samples import FORMATS, cases, payloads

EVERY = [(name, case["name"]) for name in FORMATS for case in cases(name)]


def shown(entry: Entry) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(_exact.encode(_shown(entry)), parse_float=Decimal)
    return told


def without_raw(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "measured_at_raw" or "measured_at" not in told}


@pytest.mark.parametrize(("format_name", "case_name"), EVERY)
def test_a_sample_decodes_to_what_is_written_beside_it(format_name: str, case_name: str) -> None:
    case = next(case for case in cases(format_name) if case["name"] == case_name)
    payload = json.dumps(case["payload"]).encode()
    told = [without_raw(shown(entry)) for entry in formats.decode(payload, format_name)]
    expected = json.loads(json.dumps(case["shown"]), parse_float=Decimal)
    by = json.dumps if case.get("in_any_order") else None
    key = (lambda one: by(one, default=str, sort_keys=True)) if by else None
    assert (sorted(told, key=key) if key else told) == (sorted(expected, key=key) if key else expected)


def test_every_format_has_a_sample() -> None:
    assert set(FORMATS) == set(formats.DECODERS)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_sample_tells_its_format(format_name: str) -> None:
    for payload in payloads(format_name):
        assert detect.guess(payload) == format_name


@pytest.mark.parametrize("format_name", FORMATS)
def test_entries_of_one_message_have_bytes_of_their_own_and_the_same_at_each_repetition(format_name: str) -> None:
    for payload in payloads(format_name):
        entries = formats.decode(payload, format_name)
        raws = [entry.raw for entry in entries]
        assert len(set(raws)) == len(raws)
        assert raws == [entry.raw for entry in formats.decode(payload, format_name)]


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"{}", b"[null]", b"\x00\xff", b"[" * 100_000, b'"x"', b"1"])
def test_what_is_no_message_at_all_is_refused_once(format_name: str, payload: bytes) -> None:
    entries = formats.DECODERS[format_name](payload)
    assert len(entries) == 1
    assert isinstance(entries[0].decoded, Refused)


@pytest.mark.parametrize("format_name", FORMATS)
def test_no_damaged_payload_raises_or_costs_ten_milliseconds(format_name: str) -> None:
    outcome = campaign.run(format_name, payloads(format_name), count=2_000, seed=20261121)
    print(outcome.says)
    assert not outcome.raised
    assert not outcome.slow
    assert outcome.readings  # damage that leaves nothing readable would prove nothing


def test_the_campaign_sees_a_decoder_that_raises_and_one_that_is_slow() -> None:
    def raises(payload: bytes) -> list[Entry]:
        raise ValueError(payload[:1])

    def slow(payload: bytes) -> list[Entry]:
        sum(range(2_000_000))
        return []

    assert len(campaign.run("native", [b"{}"], count=3, seed=1, decoder=raises).raised) == 3
    assert len(campaign.run("native", [b"{}"], count=2, seed=1, decoder=slow).slow) == 2


def test_a_decoders_own_bug_refuses_the_message_and_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(payload: bytes) -> list[Entry]:
        raise KeyError

    monkeypatch.setitem(formats.DECODERS, "gatt", broken)
    assert formats.decode(b"{}", "gatt") == [Entry(raw=b"{}", decoded=Refused(reason="decoder_failed"))]


@pytest.mark.parametrize(
    ("content_type", "name"),
    [
        ("application/fhir+json", "fhir"),
        ("Application/FHIR+JSON; fhirVersion=4.0", "fhir"),
        ("application/senml+json", "senml"),
        ("application/vnd.careloop.gatt+json", "gatt"),
        ("application/vnd.careloop.tenovi+json", "tenovi"),
        ("application/json", None),
        ("", None),
        (None, None),
    ],
)
def test_a_content_type_names_a_format_or_leaves_it_to_the_model(content_type: str | None, name: str | None) -> None:
    assert formats.by_content_type(content_type) == name


NOON, FIRST, MONTH = datetime(2026, 3, 2, 12), datetime(2026, 1, 1, 12), datetime(2026, 3, 1, 12)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "at", "flags"),
    [
        ("2026", FIRST, ("time_approximate",)),
        ("2026-03", MONTH, ("time_approximate",)),
        ("2026-03-02", NOON, ("time_approximate",)),
        ("2026-03-02T07:42:10Z", datetime(2026, 3, 2, 7, 42, 10, tzinfo=UTC), ()),
    ],
)
def test_a_short_time_is_an_approximate_one(text: str, at: datetime, flags: tuple[str, ...]) -> None:
    assert making.when(text) == making.When(at=at, raw=text, flags=flags)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-02-30", "9999-12-31T23:59:59-14:00", "0001-01-01", "2026\x00", "2" * 99]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(making.Cannot, match="unreadable_time"):
        making.when(text)


@pytest.mark.parametrize(
    ("text", "prefix", "expected"),
    [
        ("cuff-17", "", "cuff-17"),
        ("74E8FFFEFF051C00.001C05FFE874", "phd-", "phd-74E8FFFEFF051C00-001C05FFE874"),
        ("00:1c:05", "ble-", "ble-00-1c-05"),
        ("::", "ble-", None),
        ("", "ble-", None),
        (None, "", None),
        ("x" * 65, "", None),
    ],
)
def test_a_device_named_by_somebody_else_gets_an_id_we_could_register(
    text: str | None, prefix: str, expected: str | None
) -> None:
    assert making.device_id(text, prefix) == expected


def test_a_number_keeps_the_digits_it_was_sent_with() -> None:
    payload = b'{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"valueQuantity":{"value":80.500,"code":"kg"}}'
    [entry] = formats.decode(payload, "fhir")
    assert isinstance(entry.decoded, DecodedReading)
    assert str(entry.decoded.values["weight_kg"]) == "80.500"
    assert b'"weight_kg":80.500' in _exact.encode(_shown(entry))


def test_a_pulse_that_failed_does_not_silence_the_pressure_beside_it() -> None:
    numbers = {name: (Decimal(value), None) for name, value in (("systolic", 192), ("diastolic", 124), ("pulse", 2047))}
    assert making.make("blood_pressure", numbers).values == {"systolic_mmhg": 192, "diastolic_mmhg": 124}
