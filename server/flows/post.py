"""E-mails leave, messages appear in the portal, and doubt about an e-mail becomes a person's task: a loop's round."""

from collections.abc import Callable
from datetime import datetime

from notifications import post
from notifications.gateways import Gateway
from notifications.gateways.email import EmailGateway
from notifications.gateways.log import LogGateway
from notifications.refusals import RaiseAlarm
from notifications.sender import Sender
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.outreach import tasks
from server.settings import Settings

Clock = Callable[[], datetime]


def email_of(settings: Settings) -> Gateway:
    """The mail server that is set, else the log: then nothing leaves, and says so."""
    smtp = settings.smtp
    return EmailGateway(smtp.url, smtp.sender, settings.public_url) if smtp else LogGateway()


def sender_of(database: Database, who: Who, gateway: Gateway, raise_alarm: RaiseAlarm, clock: Clock) -> Sender:
    """The same rules as for texts: an attempt before each conversation, and never twice."""
    return Sender(
        lambda: database.transaction(who), gateway, raise_alarm, clock, uuid7, claim=post.claim,
        open_task=tasks.open_task,
    )  # fmt: skip


async def send_all(database: Database, who: Who, sender: Sender, clock: Clock, default_sender: str) -> int:
    """Everything that is due now; returns how many messages were dealt with."""
    done = 0
    while sent := await sender.send_due():
        done += sent
    while left := await post.deliver(lambda: database.transaction(who), clock, default_sender):
        done += left
    return done + await post.give_up(lambda: database.transaction(who), clock, tasks.open_task)
