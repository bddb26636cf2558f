"""What our texts come from: a number, a short code or a messaging service; several organizations may share one."""

import re
import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec

from server.db.pool import Db
from server.people import phones

SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
SHORT_CODE = re.compile(r"[1-9][0-9]{4,5}")


def written(typed: str) -> str:
    """As the provider writes it; `Invalid` when it can be none of the three."""
    bare = typed.strip()
    if SERVICE.fullmatch(bare) or SHORT_CODE.fullmatch(bare):
        return bare
    return phones.normalise(bare)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An organization that texts from what somebody wrote to.

    `own`: the sender is set for it, not only the installation's default. `knows`: a patient or a contact of its has
    the telephone. `last_texted_at`: when it wrote there last.
    """

    organization_id: uuid.UUID
    sender: str
    own: bool
    knows: bool
    last_texted_at: datetime | None


TEXTED = "SELECT * FROM door_texted($1, $2, $3)"


async def texted(db: Db, numbers: Sequence[str], default_sender: str, from_hash: bytes) -> list[Candidate]:
    """Who texts from one of these; a door answers, before an organization is known."""
    return [Candidate(**dict(row)) for row in await db.fetch(TEXTED, list(numbers), default_sender, from_hash)]


def whose(candidates: Sequence[Candidate]) -> Candidate | None:
    """The only one; else who wrote to them last, who alone knows them, who alone has the number for its own."""
    if len(candidates) == 1:
        return candidates[0]
    wrote = [(one.last_texted_at, one) for one in candidates if one.last_texted_at is not None]
    if wrote:
        return max(wrote, key=lambda pair: pair[0])[1]
    for fitting in ([one for one in candidates if one.knows], [one for one in candidates if one.own]):
        if len(fitting) == 1:
            return fitting[0]
    return None
