"""Simulated homes of one organization: who they are, and which of them may cross a limit now."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from devices.simulator import Home
from server.db.pool import Database, Who
from server.errors import BadSetting, Refused
from server.people.organizations import Organization

LOCAL = {"127.0.0.1", "localhost", "::1"}
OPEN_ALERTS_AT_MOST = 20


def homes_in(path: Path) -> list[Home]:
    """Simulated homes, one JSON object per line."""
    try:
        lines = path.read_bytes().splitlines()
        homes = [msgspec.json.decode(line, type=Home) for line in lines if line.strip()]
    except OSError as error:
        raise BadSetting(f"{path} cannot be read ({error.strerror}). The demo writes one; or give --homes.") from None
    except msgspec.DecodeError:
        raise BadSetting(f"{path} is not a file of homes: one JSON object per line.") from None
    if not homes:
        raise BadSetting(f"{path} names no homes.")
    return homes


def refuse_elsewhere(host: str, one: Organization) -> None:
    """Invented readings must never reach a clinic that works."""
    if host not in LOCAL and not one.demo and one.state != "trial":
        raise Refused(f"{one.name} is {one.state} and its broker is on another machine: no invented readings there.")


ALARMED = """
    SELECT DISTINCT l.device_id FROM alert a JOIN loan l ON l.patient_id = a.patient_id AND upper_inf(l.lent)
     WHERE a.status <> 'resolved'
"""


async def may_cross(database: Database, who: Who, homes: Sequence[Home]) -> list[str]:
    """Homes whose patient has nothing open; once twenty of them have, only those, so the list does not grow."""
    async with database.transaction(who) as db:
        alarmed = {row["device_id"] for row in await db.fetch(ALARMED)}
    calm = [home.id for home in homes if home.id not in alarmed]
    standing = [home.id for home in homes if home.id in alarmed]
    return standing if len(standing) >= OPEN_ALERTS_AT_MOST else calm
