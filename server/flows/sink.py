"""Where the synthetic patient's pages go: written like any other, taken by the sender, and sent to nobody."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from notifications import wording
from notifications.messages import Message
from notifications.policy import SINK
from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring.alerts import Episode

SYNTHETIC = "SELECT id FROM patient WHERE id = ANY($1) AND synthetic"


async def synthetic(db: Db, patients: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Those of these patients that stand for nobody."""
    return {row["id"] for row in await db.fetch(SYNTHETIC, list(patients))}


def message(episode: Episode, public_url: str, now: datetime) -> Message:
    """A page to the sink: in the same outbox, with words that nobody will read."""
    text = wording.render("page_high_alert", "en", url=f"{public_url}/worklist")
    return Message(
        id=uuid7(), organization_id=episode.organization_id, purpose="page",
        unique_for=f"page:{episode.id}:{episode.severity}", alert_id=episode.id, to_number=SINK, to_hash=b"",
        wording=text.name, wording_version=text.version, language=text.language, body=text.body, not_before=now,
        created_at=now,
    )  # fmt: skip
