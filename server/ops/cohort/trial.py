"""The cohort under two sets of rules: naive limits as published, and the shipped hypertension programme."""

import functools
import statistics
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from server.monitoring import episodes, replay
from server.monitoring.episodes import Episode, Found
from server.monitoring.findings import Severity, older_readings
from server.monitoring.limits import Limit
from server.monitoring.points import Point
from server.monitoring.replay import RuleSet
from server.monitoring.stored_readings import Reading
from server.ops.cohort import making, shipped
from server.ops.cohort.making import Cohort
from server.ops.cohort.measuring import Taken
from server.ops.cohort.shipped import ORGANIZATION
from server.ops.cohort.truth import KINDS, Kind, Truth

# Home blood pressure at or above 135/85 is hypertension (ESH/ESC; the American threshold until 2017). The publication
# does not print its limits; these are the usual ones, and each reading beyond them is an alert.
NAIVE_RULE = uuid.uuid5(uuid.NAMESPACE_OID, "naive")
NAIVE = tuple(
    Limit(
        rule_id=NAIVE_RULE, rule_version_id=NAIVE_RULE, vital="blood_pressure", metric=metric, side="at_or_above",
        severity="medium", value=Decimal(value),
    )
    for metric, value in (("systolic_mmhg", 135), ("diastolic_mmhg", 85))
)  # fmt: skip
ALERTS_PUBLISHED, LEFT_TO_STAFF_PUBLISHED = 17_293, 3_646

ZONE = ZoneInfo("America/New_York")
BEGIN = datetime(2025, 1, 6, tzinfo=ZONE)  # a Monday; the clocks go forward on 9 March
MONTH_DAYS = 30.44

# Which alerts answer which truth.
FITTING: dict[Kind, frozenset[str]] = {
    "loss_of_control": frozenset({"bp_sustained"}),  # not the average above goal: it is above goal for most, always
    "crisis": frozenset({"bp_high"}),
    "hypotension": frozenset({"bp_low"}),
    "silence": frozenset({"no_blood_pressure"}),
}


Progress = Callable[[int, int], None]  # patients done, of how many


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    """Labelled episodes of one kind; delays in hours from when the truth became what its kind says, 0 when earlier."""

    kind: Kind
    labelled: int
    missed: int
    median_delay_h: float | None
    longest_delay_h: float | None


PER_PATIENT_MONTH_AT_MOST = 1.5
NAIVE_WITHIN = 0.10


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a cohort came to; alerts are alerts opened, whatever they were opened for."""

    seed: int
    patients: int
    days: int
    readings: int
    naive_alerts: int
    alerts: int
    per_patient_month: float
    by_rule: dict[str, int]
    by_severity: dict[Severity, int]
    high_readings: int
    high_lost: int
    high_older: int  # of the high ones, those that came a day late or later: in the item of older readings
    noticed: list[Noticed]

    def not_kept(self) -> list[str]:
        """Which of the promises this cohort breaks; empty when all are kept."""
        missed = sum(one.missed for one in self.noticed)
        naive = abs(self.naive_alerts / ALERTS_PUBLISHED - 1)
        found = [
            (self.readings != making.READINGS, f"{self.readings} readings instead of {making.READINGS}"),
            (naive > NAIVE_WITHIN, f"{self.naive_alerts} naive alerts are not within 10 % of {ALERTS_PUBLISHED}"),
            (
                self.per_patient_month > PER_PATIENT_MONTH_AT_MOST,
                f"{self.per_patient_month:.2f} alerts per patient-month are more than {PER_PATIENT_MONTH_AT_MOST}",
            ),
            (self.high_lost > 0, f"{self.high_lost} of {self.high_readings} high readings belong to no high alert"),
            (missed > 0, f"{missed} of {sum(one.labelled for one in self.noticed)} true episodes were missed"),
        ]
        return [says for broken, says in found if broken]


def run(cohort: Cohort, progress: Progress = lambda done, of: None, by: RuleSet | None = None) -> Result:
    """Replay the cohort, patient by patient, by the shipped rules or others, and count."""
    by = by or ours()
    readings: dict[int, list[Reading]] = {}
    for place, taken in enumerate(cohort.readings):
        readings.setdefault(taken.person, []).append(reading(cohort.seed, place, taken))
    found: list[Found] = []
    naive = 0
    for done, own in enumerate(readings.values()):
        naive += len(replay.crossed(own, NAIVE))
        found += replay.found(own, by, at(making.DAYS))
        progress(done + 1, len(readings))
    return _result(cohort, readings, found, naive)


def ours() -> RuleSet:
    """The shipped rules over the cohort's days."""
    return shipped.rules(ZONE, BEGIN.date(), BEGIN.date() + timedelta(days=making.DAYS - 1))


def reading(seed: int, place: int, taken: Taken) -> Reading:
    """As it would be stored. Whole mmHg; times are rounded to the second."""
    measured_at = at(taken.at)
    numbers = {"systolic_mmhg": Decimal(taken.systolic), "diastolic_mmhg": Decimal(taken.diastolic)}
    point = Point(
        id=uuid.UUID(int=seed << 64 | place), kind="blood_pressure", values=numbers, measured_at=measured_at,
        local_date=measured_at.astimezone(ZONE).date(), device_id=f"cuff-{taken.person}", flags=(),
    )  # fmt: skip
    return Reading(
        point=point, organization_id=ORGANIZATION, patient_id=patient(taken.person), received_at=at(taken.sent),
        zone=ZONE,
    )  # fmt: skip


def at(day: float) -> datetime:
    """Days since the cohort's first midnight, on the patients' own clock: half past seven stays half past seven."""
    whole = int(day)
    wall = BEGIN.replace(tzinfo=None) + timedelta(days=whole, seconds=round((day - whole) * 86_400))
    return wall.replace(tzinfo=ZONE).astimezone(UTC)


@functools.cache
def patient(place: int) -> uuid.UUID:
    return uuid.uuid5(ORGANIZATION, str(place))


def _result(cohort: Cohort, readings: dict[int, list[Reading]], found: Sequence[Found], naive: int) -> Result:
    alerts = episodes.grouped(found)
    codes = shipped.codes()
    highs = {f"{f.anchor}": f for f in found if f.severity == "high" and codes[f.rule_id] == "bp_high"}
    high = [one for own in readings.values() for one in own if crossed_high(one)]
    shown = {f.anchor: e for e in alerts for f in e.findings if f.anchor in highs}
    in_high = {anchor for anchor, e in shown.items() if e.severity == "high"}
    older = {anchor for anchor, e in shown.items() if e.rule_id == older_readings(ORGANIZATION)}
    months = len(readings) * making.DAYS / MONTH_DAYS
    return Result(
        seed=cohort.seed, patients=len(readings), days=making.DAYS, readings=len(cohort.readings), naive_alerts=naive,
        alerts=len(alerts), per_patient_month=round(len(alerts) / months, 3),
        by_rule=dict(Counter(codes[e.rule_id] for e in alerts).most_common()),
        by_severity=dict(Counter(e.severity for e in alerts).most_common()),
        high_readings=len(high), high_lost=sum(1 for one in high if str(one.point.id) not in in_high | older),
        high_older=sum(1 for one in high if str(one.point.id) in older - in_high),
        noticed=[_noticed(kind, cohort.truths, alerts, codes) for kind in KINDS],
    )  # fmt: skip


def crossed_high(one: Reading) -> bool:
    """Worked out here from the numbers alone, not by the rules on trial."""
    return one.point.values["systolic_mmhg"] >= 180 or one.point.values["diastolic_mmhg"] >= 120


def _noticed(kind: Kind, truths: Iterable[Truth], alerts: Sequence[Episode], codes: dict[uuid.UUID, str]) -> Noticed:
    labelled = [one for one in truths if one.kind == kind]
    delays = [delay for one in labelled if (delay := noticed_after(one, alerts, codes)) is not None]
    return Noticed(
        kind=kind, labelled=len(labelled), missed=len(labelled) - len(delays),
        median_delay_h=round(statistics.median(delays), 2) if delays else None,
        longest_delay_h=round(max(delays), 2) if delays else None,
    )  # fmt: skip


def noticed_after(truth: Truth, alerts: Sequence[Episode], codes: dict[uuid.UUID, str]) -> float | None:
    """Hours from the truth to the first fitting alert that opened while it lasted; None when none did.

    What opened before the change began, and still stood, does not count: nobody would have looked again.
    """
    begins, counts, ends = at(truth.begins), at(truth.counts_from), at(truth.ends)
    opened = [
        e.opened_at
        for e in alerts
        if e.patient_id == patient(truth.person) and codes[e.rule_id] in FITTING[truth.kind]
        and begins <= e.opened_at <= ends
    ]  # fmt: skip
    return max((min(opened) - counts) / timedelta(hours=1), 0.0) if opened else None
