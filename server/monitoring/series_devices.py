"""With which devices a patient can measure a vital: tells a silent patient from a silent device."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from server.db.pool import Db
from server.monitoring.schedule import Window
from server.monitoring.silence import KIND

Why = Literal["silent_patient", "silent_device"]


class Lent(msgspec.Struct, frozen=True, kw_only=True):
    """A device the patient had from-to; `silent`: an alarm about its silence, or its hub's, stands now."""

    kinds: list[str]
    since: datetime | None
    until: datetime | None
    silent: bool


LENT = """
    SELECT l.patient_id, m.kinds, lower(l.lent) AS since, upper(l.lent) AS until,
           EXISTS (SELECT FROM alarm a
                    WHERE a.organization_id = d.organization_id AND a.kind = $3 AND a.subject IN (d.id, d.hub_id)
                      AND a.status <> 'resolved') AS silent
      FROM loan l
      JOIN device d ON d.id = l.device_id AND d.disabled_at IS NULL
      JOIN device_model m ON m.id = d.model_id
     WHERE l.patient_id = ANY($1) AND coalesce(upper(l.lent), 'infinity') > $2
"""


async def of_patients(db: Db, patients: Sequence[uuid.UUID], since: datetime) -> dict[uuid.UUID, list[Lent]]:
    """What each patient had on loan since then."""
    found: dict[uuid.UUID, list[Lent]] = {}
    for patient, *row in await db.fetch(LENT, list(patients), since, KIND):
        lent = Lent(**dict(zip(("kinds", "since", "until", "silent"), row, strict=True)))
        found.setdefault(patient, []).append(lent)
    return found


def able(windows: Iterable[Window], vital: str, lent: Iterable[Lent], first: datetime | None) -> list[Window]:
    """The windows in which the patient could measure: they had a device for it, or had measured it before."""
    devices = [one for one in lent if vital in one.kinds]
    return [w for w in windows if (first is not None and first < w.opens) or any(_had(one, w) for one in devices)]


def _had(one: Lent, window: Window) -> bool:
    since, until = one.since is None or one.since <= window.opens, one.until is None or one.until >= window.closes
    return since and until


def why(vital: str, lent: Iterable[Lent], now: datetime) -> Why:
    """Silent is the device when all that the patient has for this vital are; without any, it is the patient."""
    has = [one for one in lent if vital in one.kinds and (one.until is None or one.until > now)]
    return "silent_device" if has and all(one.silent for one in has) else "silent_patient"


def has(vital: str, lent: Iterable[Lent]) -> bool:
    """A device for it is on loan, and nobody said until when."""
    return any(vital in one.kinds and one.until is None for one in lent)
