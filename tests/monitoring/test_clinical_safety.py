"""docs/clinical-safety.md says of every shipped rule exactly what is shipped: a changed number without the page fails."""

from pathlib import Path

import pytest

from server.monitoring import defaults
from server.monitoring.defaults.shapes import Level, Rule
from server.monitoring.parameters import Average, Count, Flagged, Missing, Parameters, Sustained, Trend

PAGE = (Path(__file__).parents[2] / "docs/clinical-safety.md").read_text(encoding="utf-8")
SIDES = {"at_or_above": "≥", "above": ">", "at_or_below": "≤", "below": "<"}
UNITS = {
    "systolic_mmhg": "systolic {} mm[Hg]", "diastolic_mmhg": "diastolic {} mm[Hg]", "glucose_mgdl": "{} mg/dL",
    "spo2_pct": "{} %", "weight_kg": "{} kg", "pulse_bpm": "{}/min", "temperature_c": "{} Cel",
}  # fmt: skip


def level(one: Level, programme: str | None = None) -> str:
    value = "the patient's own" if one.value is None else f"{one.value:g}"
    said = UNITS[one.metric].format(f"{SIDES[one.side]} {value}")
    return f"{said} {one.severity}" + (f" ({programme})" if programme else "")


def asks(parameters: Parameters | None) -> str:
    """What the rule asks for beside its levels."""
    match parameters:
        case Average(at_least_days=days, at_least_readings=readings, every_weeks=weeks):
            return f"mean of a week with at least {days} days and {readings} readings, once in {weeks} weeks"
        case Count(at_least=count, days=days):
            return f"{count} readings within {days} days"
        case Sustained(days=days):
            return f"daily means of {days} measured days in a row"
        case Trend(spans=spans, severity=severity):
            gains = ", ".join(f"≥ {one.gain} kg within {one.days} d" for one in spans)
            return f"gain on the same device {gains} {severity}"
        case Flagged(severity=severity):
            return f"the device's flag, once per local day {severity}"
        case Missing(windows=windows, severity=severity):
            return f"{windows} expected measurements in a row missed {severity}"
    return "each reading"


def row(rule: Rule) -> str:
    levels = [level(one) for one in rule.levels]
    levels += [level(one, code) for code, own in rule.stricter.items() for one in own]
    return (
        f"| `{rule.code}` | {', '.join(rule.programmes)} | {asks(rule.parameters)} | {'; '.join(levels) or '–'} "
        f"| {rule.source} |"
    )


@pytest.mark.parametrize("rule", defaults.RULES, ids=lambda rule: rule.code)
def test_the_page_says_of_each_rule_what_is_shipped(rule: Rule) -> None:
    assert row(rule) in PAGE, f"docs/clinical-safety.md lacks this row:\n{row(rule)}"


def test_the_page_tells_of_no_rule_that_is_not_shipped() -> None:
    told = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    assert told == [rule.code for rule in defaults.RULES]


@pytest.mark.parametrize("code", defaults.PROGRAMMES)
def test_the_page_names_each_programme_and_when_its_patients_measure(code: str) -> None:
    programme = next(shipped for known, shipped in defaults.PROGRAMMES.items() if known == code)
    assert f"- **{programme.name}**" in PAGE
    for one in programme.expects:
        assert f"{one.vital} {one.opens:%H:%M}–{one.closes:%H:%M}" in PAGE
