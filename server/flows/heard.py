"""A text as it is acted on: who may have written it, what it means, and which question it answers."""

import msgspec

from notifications import wording
from notifications.inbox import Reply
from notifications.replies import Classified
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
