"""How findings become alerts, as a pure model: one open alert per patient and rule, until somebody has answered it."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from server.monitoring import retrospective
from server.monitoring.findings import Severity
from server.monitoring.rules import SEVERITIES


class Found(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A finding as a replay made it. `at`: when the server knew; `filed_under`: the rule whose alert it is evidence of.

    `rule_id` is the rule that holds; the two differ for what was too old when it came. `anchor` as in the table.
    """

    patient_id: uuid.UUID
    rule_id: uuid.UUID
    filed_under: uuid.UUID
    anchor: str
    severity: Severity
    measured_at: datetime
    at: datetime


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """How long an alert stands until it is resolved, by severity.

    Settings of 2026-11-22 after the steps of escalation: an acknowledged high alert must have its outcome in an hour,
    medium in 4 h, low by the next business day. The sooner alerts are answered, the more of them there are.
    """

    high: timedelta = timedelta(hours=1)
    medium: timedelta = timedelta(hours=4)
    low: timedelta = timedelta(hours=24)

    def after(self, severity: Severity) -> timedelta:
        return {"high": self.high, "medium": self.medium, "low": self.low}[severity]


PROMPT = Answering()


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as staff would have had it. `severity` is its worst; `rule_id` the rule it is listed under."""

    patient_id: uuid.UUID
    rule_id: uuid.UUID
    severity: Severity
    opened_at: datetime
    resolved_at: datetime
    findings: tuple[Found, ...]


class _Standing(msgspec.Struct):
    """An alert that may still get evidence; whoever answers it does so by `until`."""

    evidence: list[Found]
    severity: Severity
    until: datetime


def grouped(found: Iterable[Found], answering: Answering = PROMPT) -> list[Episode]:
    """The alerts that these findings open, in the order of opening; the order of `found` does not matter."""
    standing: dict[tuple[uuid.UUID, uuid.UUID], _Standing] = {}
    done = []
    for one in sorted(found, key=lambda f: (f.at, f.measured_at, f.anchor, f.rule_id)):
        where, severity = (one.patient_id, one.filed_under), _severity(one)
        answered = one.at + answering.after(severity)
        alert = standing.get(where)
        if alert is None or one.at >= alert.until:
            done += [_episode(alert)] if alert else []
            standing[where] = _Standing([one], severity, answered)
            continue
        alert.evidence.append(one)
        if SEVERITIES.index(severity) > SEVERITIES.index(alert.severity):  # told again, and answered anew
            alert.severity, alert.until = severity, max(alert.until, answered)
    done += map(_episode, standing.values())
    return sorted(done, key=lambda e: (e.opened_at, e.patient_id, e.rule_id))


def _severity(one: Found) -> Severity:
    """As its alert has it: an item of older readings is never high."""
    older = one.filed_under != one.rule_id
    return min(one.severity, retrospective.WORST, key=SEVERITIES.index) if older else one.severity


def _episode(alert: _Standing) -> Episode:
    first = alert.evidence[0]
    return Episode(
        patient_id=first.patient_id, rule_id=first.filed_under, severity=alert.severity, opened_at=first.at,
        resolved_at=alert.until, findings=tuple(alert.evidence),
    )  # fmt: skip
