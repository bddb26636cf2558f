"""Where the synthetic patient's pages go: written like any other, taken by the sender, and sent to nobody."""

from datetime import datetime

from notifications import wording
from notifications.messages import Message
from notifications.policy import SINK
from server.db.ids import uuid7
from server.monitoring.alerts import Episode


def message(episode: Episode, public_url: str, now: datetime) -> Message:
    """A page to the sink: in the same outbox, with words that nobody will read."""
    text = wording.render("page_high_alert", "en", url=f"{public_url}/worklist")
    return Message(
        id=uuid7(), organization_id=episode.organization_id, purpose="page",
        unique_for=f"page:{episode.id}:{episode.severity}", alert_id=episode.id, to_number=SINK, to_hash=b"",
        wording=text.name, wording_version=text.version, language=text.language, body=text.body, not_before=now,
        created_at=now,
    )  # fmt: skip
