"""What waits for an answer: open and acknowledged alerts and alarms, most severe first, then oldest."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from server.db.pool import Db
from server.monitoring import alarms, parameters
from server.monitoring.findings import Age, Severity, Side
from server.monitoring.parameters import Parameters

Status = Literal["open", "acknowledged", "resolved"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """The most severe finding of an alert: the reading's numbers and the limit they crossed.

    Of a rule over a series (`rule_kind` is not "crossing") the numbers are the means of its `readings` readings.
    `heard_at` and `device_silent` are known of missing measurements only: when a device they have was last heard.
    """

    vital: str
    metric: str
    side: Side
    value: Decimal | None
    limit_value: Decimal
    measured_at: datetime
    systolic_mmhg: Decimal | None
    diastolic_mmhg: Decimal | None
    limit_systolic: Decimal | None
    limit_diastolic: Decimal | None
    out_of_range: Literal["above", "below"] | None
    explains: str
    source: str
    rule_kind: str = "crossing"
    parameters: Parameters | None = None
    readings: int = 1
    received_at: datetime | None = None
    heard_at: datetime | None = None
    device_silent: bool = False


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """Who laid an alert aside, why, and until when; after that it waits like any other."""

    by: str
    reason: str
    note: str
    until: datetime


class Older(msgspec.Struct, frozen=True, kw_only=True):
    """How much came in an item of older readings, and from when to when; 0 when nothing in it holds any more."""

    count: int
    first_at: datetime | None
    last_at: datetime | None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the worklist. An alarm has no crossing, but words of its own, and a patient only when a call helps.

    `older` is set for a patient's item of older readings, which has no one crossing: see `retrospective.summary`.
    `page_held`: nobody is paged for it, because a high alert of the same patient and vital stands.
    """

    kind: Literal["alert", "alarm"]
    id: uuid.UUID
    severity: Severity
    status: Status
    title: str
    opened_at: datetime
    last_at: datetime
    count: int
    acknowledged_at: datetime | None = None
    acknowledged_by: uuid.UUID | None = None
    acknowledged_name: str | None = None
    patient_id: uuid.UUID | None = None
    patient_name: str | None = None
    mrn: str | None = None
    unconfirmed: bool = False
    age: Age = "live"
    crossing: Crossing | None = None
    older: Older | None = None
    snooze: Aside | None = None
    page_held: bool = False
    says: str | None = None
    about_text: bool = False  # it is in the patient's conversation
    stranger_text: uuid.UUID | None = None  # it came from a number that no patient has
    again_at: datetime | None = None  # an alarm that was taken and is open again, or got worse
    again_why: str | None = None
    behind: uuid.UUID | None = None  # the standing alarm of the hub this silent device speaks through

    def aside(self, now: datetime) -> bool:
        """It waits for nobody just now: somebody laid it aside for a while."""
        return self.snooze is not None and self.snooze.until > now


# One statement for a region of a page. The worst finding speaks for the alert; its readings give the numbers
# (a held one has none here), and the limits are those that held for this patient at that time: the strictest of the
# general ones and those of the programmes they were in, replaced by their own. For older readings
# no finding speaks: how many came, and of which time; both ends are looked up in an index, however many there are.
ALERTS = """
    SELECT a.id, a.severity, a.status, r.name AS title, a.opened_at, a.last_finding_at AS last_at,
           a.finding_count AS count, a.acknowledged_at, a.acknowledged_by, s.name AS acknowledged_name,
           a.patient_id, p.given_name || ' ' || p.family_name AS patient_name, p.mrn, a.unconfirmed, a.age,
           r.vital, f.metric, f.side, f.value, f.limit_value, f.measured_at, x.systolic_mmhg, x.diastolic_mmhg,
           l.limit_systolic, l.limit_diastolic, x.out_of_range, v.explains, v.source,
           r.kind AS rule_kind, v.parameters::text AS parameters, x.readings, x.received_at,
           q.heard_at, f.why = 'silent_device' AS device_silent,
           z.by AS snooze_by, z.reason AS snooze_reason, z.note AS snooze_note, z.ends_at AS snooze_until,
           a.status = 'open' AND a.severity <> 'high' AND EXISTS (
               SELECT FROM alert w JOIN rule wr ON wr.id = w.rule_id AND wr.vital = r.vital
                WHERE w.patient_id = a.patient_id AND w.status <> 'resolved' AND w.severity = 'high'
                  AND w.age <> 'historic' AND w.id <> a.id) AS page_held,
           r.code = 'retrospective' AS is_older, h.first_at, h.last_older_at
      FROM (SELECT * FROM alert
             WHERE $2::uuid IS NULL AND status <> 'resolved' AND ($1::uuid IS NULL OR patient_id = $1)
             UNION ALL
            SELECT * FROM alert WHERE patient_id = $1 AND id = $2) a
      JOIN patient p ON p.id = a.patient_id
      JOIN rule r ON r.id = a.rule_id
      LEFT JOIN staff s ON s.id = a.acknowledged_by
      LEFT JOIN LATERAL (
           SELECT * FROM finding f0
            WHERE f0.patient_id = a.patient_id AND f0.alert_id = a.id AND f0.superseded_at IS NULL
              AND r.code <> 'retrospective'
            ORDER BY array_position(ARRAY['high', 'medium', 'low'], f0.severity), f0.measured_at DESC LIMIT 1) f ON true
      LEFT JOIN rule_version v ON v.id = f.rule_version_id
      LEFT JOIN LATERAL (
           SELECT trim_scale(round(avg(y.systolic_mmhg), 1)) AS systolic_mmhg,
                  trim_scale(round(avg(y.diastolic_mmhg), 1)) AS diastolic_mmhg,
                  count(*)::int AS readings, max(y.out_of_range) AS out_of_range, max(y.received_at) AS received_at
             FROM finding_evidence e
             JOIN reading y ON y.patient_id = e.patient_id AND y.measured_at = e.measured_at AND y.id = e.reading_id
            WHERE e.patient_id = f.patient_id AND e.finding_id = f.id AND e.superseded_at IS NULL) x ON true
      LEFT JOIN LATERAL (
           SELECT max(coalesce(o.value, CASE WHEN f.side IN ('above', 'at_or_above') THEN d.least ELSE d.most END))
                      FILTER (WHERE d.metric = 'systolic_mmhg') AS limit_systolic,
                  max(coalesce(o.value, CASE WHEN f.side IN ('above', 'at_or_above') THEN d.least ELSE d.most END))
                      FILTER (WHERE d.metric = 'diastolic_mmhg') AS limit_diastolic
             FROM (SELECT k.metric, min(k.value) AS least, max(k.value) AS most
                     FROM (SELECT g.metric, g.side, g.severity, g.value
                             FROM rule_limit g WHERE g.rule_version_id = f.rule_version_id
                            UNION ALL
                           SELECT g.metric, g.side, g.severity, g.value
                             FROM programme_limit g
                             JOIN enrolment e ON e.patient_id = a.patient_id AND e.programme_id = g.programme_id
                                  AND e.valid_from <= f.found_at AND (e.valid_to IS NULL OR e.valid_to > f.found_at)
                            WHERE g.rule_version_id = f.rule_version_id) k
                    WHERE k.severity = f.severity AND k.side = f.side
                    GROUP BY k.metric) d
             LEFT JOIN patient_limit o ON o.patient_id = a.patient_id AND o.rule_id = f.rule_id
                  AND o.metric = d.metric AND o.side = f.side AND o.severity = f.severity
                  AND o.valid_from <= f.found_at AND (o.valid_to IS NULL OR o.valid_to > f.found_at)) l ON true
      LEFT JOIN LATERAL (
           SELECT max(c.last_seen_at) AS heard_at
             FROM loan n
             JOIN device d ON d.id = n.device_id
             JOIN device_model m ON m.id = d.model_id AND r.vital = ANY(m.kinds)
             LEFT JOIN device_state c ON c.device_id IN (d.id, d.hub_id)
            WHERE r.kind = 'missing' AND n.patient_id = a.patient_id AND n.lent @> a.last_finding_at) q ON true
      LEFT JOIN LATERAL (
           SELECT o.name AS by, k.reason, k.note, k.ends_at
             FROM snooze k JOIN staff o ON o.id = k.staff_id
            WHERE k.patient_id = a.patient_id AND k.alert_id = a.id AND k.ended_at IS NULL AND a.status = 'open'
              AND worse(k.severity, a.severity) = k.severity) z ON true
      LEFT JOIN LATERAL (
           SELECT min(f1.measured_at) AS first_at, max(f1.measured_at) AS last_older_at
             FROM finding f1
            WHERE r.code = 'retrospective' AND f1.patient_id = a.patient_id AND f1.alert_id = a.id
              AND f1.age = 'historic' AND f1.superseded_at IS NULL) h ON true
     ORDER BY r.code = 'retrospective', array_position(ARRAY['high', 'medium', 'low'], a.severity), a.opened_at, a.id
     LIMIT 500
"""


async def open_alerts(db: Db, patient: uuid.UUID | None = None) -> list[Item]:
    """Of the whole organization, or of one patient."""
    return [_alert(dict(row)) for row in await db.fetch(ALERTS, patient, None)]


async def one_alert(db: Db, patient: uuid.UUID, alert: uuid.UUID) -> Item | None:
    """Also when it is resolved; None when the patient has no such alert."""
    row = next(iter(await db.fetch(ALERTS, patient, alert)), None)
    return _alert(dict(row)) if row else None


# Whom to call about a silent device: the one person who has it, or what speaks through it. Of a text: who wrote it.
# What is behind a silent hub comes last: where not all are shown, the hubs are.
# A telephone that does not get pages is named by whose it is.
ALARMS = """
    SELECT a.id, a.severity, a.status, a.kind AS title, coalesce(o.name, a.subject) AS subject, a.says, a.opened_at,
           a.last_seen_at AS last_at, a.seen_count AS count, a.acknowledged_at, a.acknowledged_by,
           s.name AS acknowledged_name, w.patient_id, w.patient_name, w.mrn, a.again_at, a.again_why, h.id AS behind
      FROM alarm a
      LEFT JOIN staff s ON s.id = a.acknowledged_by
      LEFT JOIN staff o ON a.kind = 'page_test_failed' AND o.id::text = a.subject
      LEFT JOIN LATERAL (
           SELECT min(p.id::text)::uuid AS patient_id, min(p.given_name || ' ' || p.family_name) AS patient_name,
                  min(p.mrn) AS mrn
             FROM device d
             JOIN loan l ON l.device_id = d.id AND l.lent @> a.last_seen_at
             JOIN patient p ON p.id = l.patient_id
            WHERE a.kind IN ('device_silent', 'device_battery', 'new_scale')
              AND (d.id = a.subject OR d.hub_id = a.subject)
           HAVING count(DISTINCT p.id) = 1
            UNION ALL
           SELECT p.id, p.given_name || ' ' || p.family_name, p.mrn FROM patient p
            WHERE a.kind IN ('patient_message', 'patient_wants_call', 'patient_in_danger', 'wrong_number')
              AND p.organization_id = a.organization_id AND p.mrn = a.subject) w ON true
      LEFT JOIN device v ON a.kind = 'device_silent' AND v.id = a.subject AND v.organization_id = a.organization_id
      LEFT JOIN alarm h ON h.organization_id = a.organization_id AND h.kind = a.kind AND h.subject = v.hub_id
           AND h.status <> 'resolved'
     WHERE a.status <> 'resolved' ORDER BY h.id IS NOT NULL, a.opened_at, a.id LIMIT 500
"""


ABOUT_TEXT = {"patient_message", "patient_wants_call", "patient_in_danger", "wrong_number"}
A_TEXT = "text "  # before the text's id, where no patient has the number (flows/heard.py)


async def open_items(db: Db) -> list[Item]:
    """The worklist."""
    of_alarms = [_alarm(dict(row)) for row in await db.fetch(ALARMS)]
    return in_order([*await open_alerts(db), *of_alarms])


def _alarm(row: dict[str, Any]) -> Item:
    kind, subject = row.pop("title"), row.pop("subject")
    stranger = subject.removeprefix(A_TEXT) if kind in ABOUT_TEXT and subject.startswith(A_TEXT) else None
    return Item(
        kind="alarm", title=alarms.title(kind, "" if stranger else subject), about_text=kind in ABOUT_TEXT,
        stranger_text=uuid.UUID(stranger) if stranger else None, **row,
    )  # fmt: skip


def in_order(items: Sequence[Item]) -> list[Item]:
    """Most severe first, then oldest; older readings after everything that is live."""
    return sorted(
        items, key=lambda item: (item.older is not None, SEVERITIES.index(item.severity), item.opened_at, item.id)
    )


def folded(items: Sequence[Item]) -> dict[str, list[Item]]:
    """What lies folded under the alarm of a hub, by that alarm's id; never under one that is not among them."""
    shown = {item.id for item in items if item.behind is None}
    under: dict[str, list[Item]] = {}
    for item in items:
        if item.behind in shown:
            under.setdefault(str(item.behind), []).append(item)
    return under


def _alert(row: dict[str, Any]) -> Item:
    values = {name: row.pop(name) for name in Crossing.__struct_fields__}
    aside = {name: row.pop(f"snooze_{name}") for name in Aside.__struct_fields__}
    first, last, is_older = (row.pop(name) for name in ("first_at", "last_older_at", "is_older"))
    count = row["count"] if first is not None else 0
    return Item(
        kind="alert",
        crossing=_crossing(values) if values["limit_value"] is not None else None,
        older=Older(count=count, first_at=first, last_at=last) if is_older else None,
        snooze=Aside(**aside) if aside["until"] else None,
        **row,
    )


def _crossing(values: dict[str, Any]) -> Crossing:
    silent = bool(values["device_silent"])
    return Crossing(**{**values, "parameters": parameters.decode(values["parameters"]), "device_silent": silent})
