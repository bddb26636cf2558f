"""A text as it is acted on: who may have written it, what it means, and which question it answers."""

from datetime import datetime

import msgspec

from notifications import wording
from notifications.inbox import Reply
from notifications.messages import Message
from notifications.replies import Classified
from notifications.tongue import tongue
from server.db.ids import uuid7
from server.flows.last_question import Answered
from server.monitoring.answers import Standing
from server.people.contacts import Contact


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A reply with whom it may be from, and how to speak to them.

    `asked`: what these people were asked after a crisis reading, while an answer counts. `answered`: the text answers
    another question. `own`: the words this organization uses instead of ours.
    """

    reply: Reply
    said: Classified
    people: list[Contact]
    organization_name: str
    asked: list[Standing]
    answered: Answered | None = None
    own: wording.Owns = wording.NOTHING_OWN

    @property
    def person(self) -> Contact | None:
        return self.people[0] if self.people else None

    @property
    def subject(self) -> str:
        """What staff see: the record number, else which text it was."""
        return self.person.mrn if self.person else f"text {self.reply.id}"

    def answer(self, name: str, now: datetime, **fields: str) -> Message:
        """Our words back to the telephone it came from, one for each text.

        The confirmation of an opt-out counts from when they wrote, however late we come to it: it may not go later.
        """
        reply, person = self.reply, self.person
        language = person.language if person else tongue(reply.body)
        since = reply.received_at if name.startswith("opt_out_") else now
        text = wording.render(name, language, self.own, clinic=self.organization_name, **fields)
        return Message(
            id=uuid7(), organization_id=reply.organization_id, purpose=text.purpose, unique_for=f"reply:{reply.id}",
            patient_id=person.patient_id if person else None, to_number=reply.from_number, to_hash=reply.from_hash,
            wording=text.name, wording_version=text.version, language=text.language, body=text.body,
            not_before=now, created_at=since,
        )  # fmt: skip
