"""One vital as the patient reads it today: number, words, colour and shape, advice, and how the weeks went."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from server.monitoring import trend
from server.monitoring.series import Reading, Vital
from server.monitoring.targets import Targets
from server.monitoring.today import Level, Said, goal_for, say
from server.monitoring.trend import Average
from server.web.portal.picture import Picture, draw
from server.web.portal.words import POUNDS_PER_KG, Words, plain, shown

Tone = Literal["good", "notice", "warn", "urgent", "plain"]
TONES: dict[Level, Tone] = {
    "good": "good",
    "slightly_high": "notice",
    "slightly_low": "notice",
    "high": "warn",
    "low": "warn",
    "very_high": "urgent",
    "very_low": "urgent",
    "unjudged": "plain",
}
# The shape tells the same as the colour, for those who do not see it.
SHAPES: dict[Level, str] = {
    "good": "check",
    "slightly_high": "up",
    "high": "up",
    "very_high": "stop",
    "slightly_low": "down",
    "low": "down",
    "very_low": "stop",
    "unjudged": "dot",
}
TREND_DAYS = 14


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Ready to be shown: everything in the patient's language."""

    vital: Vital
    title: str
    unit: str
    number: str | None = None
    spoken: str | None = None
    also: str | None = None
    tone: Tone = "plain"
    shape: str = "dot"
    status: str | None = None
    measured: str | None = None
    at: datetime | None = None
    emergency: str | None = None
    advice: str | None = None
    details: tuple[str, ...] = ()
    how_to: str | None = None
    averages: tuple[str, ...] = ()
    picture: Picture | None = None


def card(vital: Vital, readings: Sequence[Reading], targets: Targets, words: Words, now: datetime) -> Card:
    """`readings` hold at least the newest of this vital and all of the last fifteen days."""
    said = say(vital, readings, targets, now)
    title, unit = words(f"vital.{vital}"), words(f"unit.{vital}")
    if said is None:
        return Card(vital=vital, title=title, unit=unit, status=words("today.none"), how_to=words(f"how_to.{vital}"))
    reading = said.reading
    return Card(
        vital=vital,
        title=title,
        unit=unit if reading.values(vital) else "",
        number=words.values(vital, reading),
        spoken=words.spoken(vital, reading),
        also=_also(vital, reading, words),
        tone=TONES[said.level],
        shape=SHAPES[said.level],
        status=status(said, words),
        measured=words.measured(reading.measured_at, now),
        at=reading.measured_at,
        emergency=words.maybe(f"advice.{vital}.{said.level}.emergency"),
        advice=_advice(said, targets, words),
        details=tuple(_details(said, words)),
        averages=averages(vital, readings, targets, words, now),
        picture=_picture(vital, readings, targets, words, now),
    )


def status(said: Said, words: Words) -> str:
    """ "A little above your goal of under 130/80"."""
    if said.vital == "weight":
        return _weight_status(said, words)
    if said.reading.values(said.vital) is None:
        return words("level.hi" if said.level == "very_high" else "level.lo")
    if "within_goal" in said.reasons or said.goal is None:
        return words(f"level.for_you_{said.level}")
    return words(f"level.{said.level}", goal=words.goal(said.vital, said.goal))


def _weight_status(said: Said, words: Words) -> str:
    if "gain_day" in said.reasons or "gain_week" in said.reasons:
        return words("weight.gain")
    return words("weight.own_limit" if "own_limit" in said.reasons else f"weight.{said.level}")


def _advice(said: Said, targets: Targets, words: Words) -> str | None:
    """What to do; a number of hours ago is not spoken of as if it were of now."""
    key = f"advice.{said.vital}.{said.level}"
    now = words.maybe(f"{key}.now", rest=targets.rest_minutes)
    return now if said.fresh else words.maybe(f"{key}.earlier", rest=targets.rest_minutes) or now


def _details(said: Said, words: Words) -> list[str]:
    reading, found = said.reading, []
    if said.change_kg is not None:
        found.append(_change(said.change_kg, words))
    if said.category:
        found.append(words("category.title", name=words(f"category.{said.category}")))
    if "irregular_pulse" in reading.flags and said.vital in {"blood_pressure", "pulse"}:
        found.append(words("note.irregular_pulse"))
    if said.vital == "spo2":
        found.append(words("note.spo2_skin"))
    if reading.source in {"typed", "texted"}:
        found.append(words("note.typed"))
    if said.level not in {"good", "unjudged"} or "irregular_pulse" in reading.flags:
        found.append(words("note.team_sees"))
    return found


def _change(change_kg: float, words: Words) -> str:
    pounds = plain(abs(change_kg) * POUNDS_PER_KG)
    if pounds == "0":
        return words("weight.same")
    return words("weight.more" if change_kg > 0 else "weight.less", change=pounds)


def _also(vital: Vital, reading: Reading, words: Words) -> str | None:
    """The other unit, small, for those who think in it."""
    if vital == "weight" and reading.weight_kg is not None:
        return words("spoken.also_kg", kg=plain(reading.weight_kg))
    if vital == "temperature" and reading.temperature_c is not None:
        return words("spoken.also_c", c=plain(reading.temperature_c))
    return None


def averages(
    vital: Vital, readings: Sequence[Reading], targets: Targets, words: Words, now: datetime
) -> tuple[str, ...]:
    """ "Last 7 days: average 134/84 mmHg, from 9 readings." and the week before; honest when too few."""
    weeks = trend.weeks(vital, readings, targets, words.local_day(now))
    return (
        _average(vital, weeks.this, words("average.this"), words),
        _average(vital, weeks.last, words("average.last"), words),
    )


def _average(vital: Vital, average: Average, when: str, words: Words) -> str:
    if average.values is None:
        key = "average.few" if average.count else "average.none"
        line = words(key, when=when, count=average.count)
    else:
        value = "/".join(_rounded(vital, x) for x in average.values)
        line = words("average.line", when=when, value=value, unit=words(f"unit.{vital}"), count=average.count)
    return f"{line} {words('average.beyond', count=average.beyond)}" if average.beyond else line


def _rounded(vital: Vital, value: float) -> str:
    return shown(vital, value) if vital in {"weight", "temperature"} else f"{value:.0f}"


def _picture(
    vital: Vital, readings: Sequence[Reading], targets: Targets, words: Words, now: datetime
) -> Picture | None:
    start = now - timedelta(days=TREND_DAYS)
    recent = [r for r in readings if r.measured_at >= start]
    return draw(vital, recent, goal_for(vital, None, targets), words, start, now, height=130)
