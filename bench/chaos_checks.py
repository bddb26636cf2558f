"""What must be true after the chaos: counted from the database and from the provider's own list of texts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

OptOuts = dict[str, datetime]  # telephone → when our webhook had answered

OF_REMINDERS = """
    SELECT m.id, m.to_number, m.body, m.status, m.reason, r.status AS reminder,
           EXISTS (SELECT FROM attempt a
                    WHERE a.message_id = m.id AND a.outcome IN ('started', 'unknown')) AS ambiguous,
           EXISTS (SELECT FROM task t WHERE t.kind = 'text_unresolved' AND t.subject = m.id::text) AS task
      FROM message m JOIN reminder r ON r.message_id = m.id
     WHERE m.to_number LIKE '+1646%' AND m.purpose = 'reminder'
"""
AFTER = """
    SELECT count(*) FROM attempt a JOIN message m ON m.id = a.message_id
      JOIN unnest($1::text[], $2::timestamptz[]) AS o (number, answered) ON o.number = m.to_number
     WHERE m.purpose = 'reminder' AND a.started_at > o.answered
"""
LEFT = """
    SELECT (SELECT count(*) FROM reminder r JOIN patient p ON p.id = r.patient_id
             WHERE r.status = 'planned' AND r.due_at <= now() AND p.phone LIKE '+1646%')
         + (SELECT count(*) FROM message m WHERE m.to_number LIKE '+1646%'
               AND (m.status = 'sending' OR m.status = 'queued' AND m.not_before <= now() + interval '1 minute'
                    OR m.status = 'unknown' AND m.reason IS DISTINCT FROM 'unresolved'))
"""
BEGUN = "SELECT EXISTS (SELECT FROM attempt)"
SENT = "SELECT count(*) FROM message WHERE to_number LIKE '+1646%' AND status IN ('sent', 'delivered')"
REMINDED = """
    SELECT count(*) FROM message
     WHERE to_number = ANY($1::text[]) AND purpose = 'reminder' AND status IN ('sent', 'delivered', 'unknown')
"""
RECEIPTS = "SELECT count(*) FROM receipt"
OPTED_OUT = """
    SELECT count(*) FROM opt_out x JOIN patient p ON p.phone_hash = x.phone_hash WHERE NOT p.phone = ANY($1::text[])
"""
NO_MESSAGE = """
    SELECT p.phone, r.status, r.reason FROM reminder r JOIN patient p ON p.id = r.patient_id
     WHERE p.phone LIKE '+1646%' AND r.message_id IS NULL
"""


async def left(owner: Any) -> int:
    """Reminders and messages that still have to move; what waits for the morning has not."""
    return int(await owner.fetchval(LEFT))


async def begun(owner: Any) -> bool:
    return bool(await owner.fetchval(BEGUN))


async def sent(owner: Any) -> int:
    return int(await owner.fetchval(SENT))


async def reminded(owner: Any, numbers: Sequence[str]) -> int:
    return int(await owner.fetchval(REMINDED, numbers))


async def receipts(owner: Any) -> int:
    return int(await owner.fetchval(RECEIPTS))


async def judge(
    owner: Any,
    day: Sequence[str],
    night: Sequence[str],
    opted: OptOuts,
    texts: Sequence[Mapping[str, str]],
    forged: Mapping[str, int],
) -> dict[str, dict[str, int]]:
    """Each promise: how often it was broken, and of how many."""
    rows = [dict(row) for row in await owner.fetch(OF_REMINDERS)]
    none = {row["phone"]: (row["status"], row["reason"]) for row in await owner.fetch(NO_MESSAGE)}
    bodies = {row["body"] for row in rows}
    times = Counter(text["to"] for text in texts if text["body"] in bodies)
    left_over = set(day) - {row["to_number"] for row in rows} - set(opted) - set(none)
    after = await owner.fetchval(AFTER, list(opted), list(opted.values()))
    strangers = await owner.fetchval(OPTED_OUT, list(opted))
    went = {row["to_number"] for row in rows if row["status"] in {"sent", "delivered"}}
    clear = [row for row in rows if _clear(row) and row["to_number"] not in opted and row["to_number"] in set(day)]
    asked = {row["to_number"] for row in rows if row["task"]}
    doubtful = [row for row in rows if not _clear(row)]
    stuck = [row for row in rows if row["status"] in {"queued", "sending"} and row["to_number"] in set(day)]
    lost = [phone for phone, (status, _) in none.items() if phone in set(day) - set(opted)]
    return {
        "reminders sent twice": _of(sum(n - 1 for n in times.values() if n > 1), len(day)),
        "reminders sent after an opt-out": _of(int(after), len(opted)),
        "reminders sent in quiet hours": _of(sum(times[one] for one in night), len(night)),
        "forged webhooks believed": _of(forged["believed"] + int(strangers), forged["forged"]),
        "reminders stuck": _of(len(stuck) + len(lost) + len(left_over), len(day)),
        "unambiguous reminders not sent": _of(sum(row["to_number"] not in went for row in clear), len(clear)),
        "ambiguous ones neither resolved nor a task": _of(sum(not _settled(row) for row in doubtful), len(doubtful)),
        "called sent and not at the provider": _of(len(went - set(times)), len(went)),
        "at the provider, neither called sent nor a task": _of(len(set(times) - went - asked), len(times)),
    }


def _clear(row: Mapping[str, Any]) -> bool:
    """Every call was answered: accepted, or certainly not taken."""
    return row["status"] != "unknown" and not row["ambiguous"]


def _settled(row: Mapping[str, Any]) -> bool:
    return row["status"] in {"sent", "delivered", "failed"} or (row["reason"] == "unresolved" and row["task"])


def _of(broken: int, of: int) -> dict[str, int]:
    return {"broken": broken, "of": of}
