"""What a sender must do to lose nothing, judged from what was seen of it. Pure: a log goes in, verdicts come out."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from devices import topics
from devices.decoded import DecodedReading, Entry

Result = Literal["pass", "fail", "not_tried", "advice"]
Key = tuple[int, int | str]  # (epoch, sequence number or hash)

IN_FLIGHT = 100
CLOCK_WITHIN = timedelta(minutes=5)
GRACE_S = 3.0  # what was on its way when the receipt was written may still come


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of one message as it came; `at` is monotonic seconds, `wall` our clock."""

    at: float
    wall: datetime
    topic: str
    qos: int
    retained: bool
    hash: str
    entry: Entry

    @property
    def key(self) -> Key:
        seq = self.entry.decoded.seq
        return (self.entry.decoded.epoch, self.hash if seq is None else seq)

    @property
    def reading(self) -> DecodedReading | None:
        return self.entry.decoded if isinstance(self.entry.decoded, DecodedReading) else None


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """When the broker was away."""

    down: float
    up: float
    wall_down: datetime
    wall_up: datetime


class Log(msgspec.Struct, kw_only=True):
    """Everything that was seen and said, in order."""

    device: str
    sights: list[Sight] = []
    answered: dict[Key, list[float]] = {}
    outage: Outage | None = None
    reset_at: float | None = None
    statuses: int = 0

    def outstanding(self) -> list[Sight]:
        """The newest sight of each entry that has no receipt yet."""
        return list({s.key: s for s in self.sights if s.key not in self.answered}.values())

    def before_reset(self) -> list[Sight]:
        return [s for s in self.sights if self.reset_at is None or s.at < self.reset_at]

    def times(self) -> dict[Key, list[Sight]]:
        """All sights of each entry, before a reset."""
        found: dict[Key, list[Sight]] = {}
        for sight in self.before_reset():
            found.setdefault(sight.key, []).append(sight)
        return found


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check: what it asks, what was seen, and what to do if it did not pass."""

    check: str
    asks: str
    result: Result
    seen: str = ""
    do: str = ""


def judge(log: Log, *, with_reset: bool = True) -> list[Verdict]:
    """Every check's verdict. Without a single reading each check is `not_tried`."""
    verdicts = []
    for name, asks, do, look in CHECKS:
        if name == "epoch" and not with_reset:
            continue
        result, seen = look(log) if log.sights else ("not_tried", "no reading came")
        verdicts.append(
            Verdict(check=name, asks=asks, result=result, seen=seen, do="" if result == "pass" else do)
        )  # fmt: skip
    return verdicts


Looked = tuple[Result, str]


def _own_topic(log: Log) -> Looked:
    own = topics.topic(log.device, "readings")
    return _none_of({s.topic for s in log.sights if s.topic != own}, f"all on {own}", "also on")


def _qos(log: Log) -> Looked:
    return _none_of({s.qos for s in log.sights if s.qos != 1}, "all at QoS 1", "also at QoS")


def _not_retained(log: Log) -> Looked:
    retained = sum(s.retained for s in log.sights)
    return ("fail", f"{retained} retained") if retained else ("pass", "none retained")


def _decodes(log: Log) -> Looked:
    refused = {s.entry.decoded.reason for s in log.sights if not isinstance(s.entry.decoded, DecodedReading)}
    return _none_of(refused, f"{len(log.times())} readings understood", "refused:")


def _numbers(log: Log) -> Looked:
    """From 1, without a hole: a hole is an alarm at the clinic."""
    by_epoch: dict[int, set[int]] = {}
    for sight in log.sights:
        epoch, seq = sight.key
        if isinstance(seq, str):
            return "fail", "a reading without seq"
        by_epoch.setdefault(epoch, set()).add(seq)
    for epoch, numbers in sorted(by_epoch.items()):
        if min(numbers) != 1:
            return "fail", f"epoch {epoch} begins at {min(numbers)}"
        missing = sorted(set(range(1, max(numbers) + 1)) - numbers)
        if missing:
            return "fail", f"epoch {epoch} lacks {missing[:5]}"
    return "pass", ", ".join(f"1–{max(numbers)} in epoch {epoch}" for epoch, numbers in sorted(by_epoch.items()))


def _same_content(log: Log) -> Looked:
    changed = [key[1] for key, sights in log.times().items() if len({s.hash for s in sights}) > 1]
    if changed:
        return "fail", f"other bytes under the same number: {changed[:5]}"
    again = sum(len(sights) > 1 for sights in log.times().values())
    return ("pass", f"{again} came again, byte for byte") if again else ("not_tried", "nothing came twice")


def _keeps(log: Log) -> Looked:
    """Something came again while its receipt was withheld and the connection stood."""
    first_answer = min((at for answers in log.answered.values() for at in answers), default=float("inf"))
    cut = log.outage.down if log.outage else float("inf")
    end = min(first_answer, cut)
    for key, sights in log.times().items():
        before = [s for s in sights if s.at < end]
        if len(before) > 1:
            return "pass", f"{key[1]} came again after {before[1].at - before[0].at:.1f} s without a receipt"
    return "fail", "nothing came again while receipts were withheld"


def _forgets(log: Log) -> Looked:
    """One repetition may have crossed with the receipt, or missed it; after the second receipt there is no excuse."""
    settled = {key: answers for key, answers in log.answered.items() if answers}
    if not settled:
        return "not_tried", "no receipt was given"
    stubborn = [
        key[1]
        for key, sights in log.times().items()
        if len(settled.get(key, ())) > 1 and any(s.at > settled[key][1] + GRACE_S for s in sights)
    ]
    return ("fail", f"sent again after two receipts: {stubborn[:5]}") if stubborn else ("pass", "none came again")


def _in_flight(log: Log) -> Looked:
    most, flying = 0, set()
    answers = sorted((at[0], key) for key, at in log.answered.items() if at)
    for sight in log.sights:
        while answers and answers[0][0] <= sight.at:
            flying.discard(answers.pop(0)[1])
        if log.answered.get(sight.key, [float("inf")])[0] > sight.at:
            flying.add(sight.key)
        most = max(most, len(flying))
    return ("fail" if most > IN_FLIGHT else "pass"), f"at most {most} without a receipt"


def _clock(log: Log) -> Looked:
    cut = log.outage.down if log.outage else float("inf")
    firsts = [sights[0] for sights in log.times().values() if sights[0].at < cut]
    live = [(s.wall, s.reading.measured_at) for s in firsts if s.reading and not s.reading.backlog]
    told = [(wall, at) for wall, at in live if at is not None]
    if not told:
        return "advice", "no measured_at: the time of receipt is used, so what waited gets a wrong time"
    if any(at.tzinfo is None for _, at in told):
        return "fail", "measured_at without offset"
    worst = max(abs(wall - at) for wall, at in told)
    said = f"{worst.total_seconds():.0f} s from ours at most"
    return ("pass" if worst <= CLOCK_WITHIN else "fail"), said


def _replay(log: Log) -> Looked:
    outage = log.outage
    if outage is None:
        return "not_tried", "the connection was not cut"
    waiting = [
        key for key, sights in log.times().items()
        if sights[0].at < outage.down and log.answered.get(key, [float("inf")])[0] > outage.down
    ]  # fmt: skip
    if not waiting:
        return "not_tried", "nothing waited for a receipt when the connection was cut"
    lost = [key[1] for key in waiting if not any(s.at > outage.up for s in log.times()[key])]
    return ("fail", f"did not come again: {lost[:5]}") if lost else ("pass", f"{len(waiting)} came again")


def _backlog(log: Log) -> Looked:
    outage = log.outage
    if outage is None:
        return "not_tried", "the connection was not cut"
    made = [sights[0] for sights in log.times().values() if sights[0].at > outage.up and _made_in(outage, sights[0])]
    if not made:
        return "not_tried", "no reading was made while the broker was away"
    unmarked = [s.key[1] for s in made if s.reading and not s.reading.backlog]
    return ("fail", f"not marked: {unmarked[:5]}") if unmarked else ("pass", f"{len(made)} marked")


def _made_in(outage: Outage, sight: Sight) -> bool:
    """By its own time; one without a time counts as waiting when it came at once after the broker did."""
    at = sight.reading.measured_at if sight.reading else None
    if at is None or at.tzinfo is None:
        return sight.reading is not None and sight.reading.backlog
    return outage.wall_down + timedelta(seconds=1) <= at < outage.wall_up - timedelta(seconds=1)


def _epoch(log: Log) -> Looked:
    if log.reset_at is None:
        return "not_tried", "the sender was not reset"
    before = {s.key[0] for s in log.before_reset()}
    after = [s for s in log.sights if s.at >= log.reset_at]
    known = {s.key: s.hash for s in log.before_reset()}
    if any(s.key in known and s.hash != known[s.key] for s in after):
        return "fail", "numbers began again in the same epoch"
    grown = [s for s in after if s.key[0] > max(before) and s.key[1] == 1]
    if grown:
        return "pass", f"epoch grew from {max(before)} to {grown[0].key[0]}"
    if any(s.key[0] < max(before) for s in after):
        return "fail", "the epoch became smaller"
    return "not_tried", "no numbering began again"


def _status(log: Log) -> Looked:
    return ("pass", f"{log.statuses} came") if log.statuses else ("advice", "none came")


def _none_of(offences: Iterable[object], fine: str, bad: str) -> Looked:
    found = sorted(map(str, offences))
    return ("fail", f"{bad} {', '.join(found)}") if found else ("pass", fine)


Look = Callable[[Log], Looked]
CHECKS: Sequence[tuple[str, str, str, Look]] = (
    ("own_topic", "publishes under its own id only", "Publish to careloop/v1/<your id>/readings.", _own_topic),
    ("qos", "publishes at QoS 1", "Set QoS 1: at 0 the broker may drop it; 2 brings nothing.", _qos),
    ("not_retained", "does not retain readings", "Clear the retain flag; what is retained is a replay.", _not_retained),
    ("decodes", "sends what the server understands", "See the reasons in docs/devices.md.", _decodes),
    ("numbers", "numbers from 1 without a hole", "Give each reading the next seq, from 1, kept on disk.", _numbers),
    ("keeps", "sends again what got no receipt", "Keep each reading until its receipt; send again after 10 s.", _keeps),
    ("same_content", "sends the same bytes again", "Store the bytes and send those; change nothing.", _same_content),
    ("forgets", "forgets what a receipt settled", "Read stored, held, refused and through; delete those.", _forgets),
    ("in_flight", f"at most {IN_FLIGHT} without a receipt", "Wait for receipts before you send more.", _in_flight),
    ("clock", "tells the time, with offset", "Send measured_at as ISO 8601 with offset; set the clock.", _clock),
    ("replay", "sends again after a reconnect", "Do not take the broker's PUBACK for a receipt.", _replay),
    ("backlog", "marks what waited", "Add \"backlog\": true to what you could not send at once.", _backlog),
    ("epoch", "a new numbering has a larger epoch", "When numbers restart, send a larger epoch.", _epoch),
    ("status", "says that it is there", "Publish {\"online\": true} to …/status, with a last will.", _status),
)  # fmt: skip
