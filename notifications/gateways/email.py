"""The way out by e-mail: one SMTP conversation per attempt, plain text, and an honest answer about what may be gone."""

import asyncio
import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from notifications.gateways import Accepted, NotSent, Refused, Result, Text, Unknown
from notifications.messages import Channel

TIMEOUT_SECONDS = 5
LONGEST_SUBJECT = 60
LINES = SMTP.clone(max_line_length=998)  # RFC 5322; an address to leave by must not be folded


class EmailGateway:
    """The standard library's client in a thread; a message is only in doubt once its text was begun to be sent."""

    name = "smtp"
    default_sender = ""

    def __init__(self, url: str, sender: str, public_url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "smtps"
        self._host = parts.hostname or ""
        self._port = parts.port or (465 if self._tls else 587)
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._sender = sender
        self._public_url = public_url
        self._timeout = timeout_seconds

    async def send(self, text: Text) -> Result:
        return await asyncio.to_thread(self._send, self.letter(text), text)

    async def find(self, to_number: str, body: str, since: datetime, channel: Channel = "email") -> None:
        """A mail server cannot be asked what it has."""

    def letter(self, text: Text) -> EmailMessage:
        """The subject names the clinic and no more: it is read on locked screens."""
        made = EmailMessage(policy=LINES)
        clinic = text.body.partition(":")[0]
        made["Subject"] = clinic if len(clinic) <= LONGEST_SUBJECT else "Careloop"
        made["From"], made["To"], made["Date"] = self._sender, text.to_number, formatdate()
        made["Message-ID"] = f"<{text.attempt}@{self._sender.rpartition('@')[2].rstrip('>')}>"
        made["Auto-Submitted"] = "auto-generated"
        leave = f"{self._public_url}/unsubscribe/{text.attempt}"
        made["List-Unsubscribe"], made["List-Unsubscribe-Post"] = f"<{leave}>", "List-Unsubscribe=One-Click"
        made.set_content(f"{text.body}\n-- \n{leave}\n")
        return made

    def _send(self, letter: EmailMessage, text: Text) -> Result:
        try:
            connection = self._connect()
        except smtplib.SMTPAuthenticationError:
            return NotSent("login_refused", needs_operator=True)
        except (smtplib.SMTPException, OSError):
            return NotSent("no_connection")
        try:
            return _hand_over(connection, self._sender, letter, text)
        finally:
            connection.close()

    def _connect(self) -> smtplib.SMTP:
        """Signed in, and encrypted whenever the server can; a password never travels in the clear."""
        secure = ssl.create_default_context()
        if self._tls:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=secure)
        else:
            connection = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
            connection.ehlo()
            if self._login or connection.has_extn("starttls"):
                connection.starttls(context=secure)
        if self._login:
            connection.login(*self._login)
        return connection


def _hand_over(connection: smtplib.SMTP, sender: str, letter: EmailMessage, text: Text) -> Result:
    """Sender, recipient, text. What breaks before the text left nothing; what breaks in it may have left everything."""
    try:
        connection.ehlo_or_helo_if_needed()
        code, _ = connection.mail(_bare(sender))
        if code >= 300:
            return _refused(code)
        code, says = connection.rcpt(text.to_number)
        if code >= 300:
            return Refused(f"smtp_rcpt_{code}") if _no_mailbox(code, says) else _refused(code)
    except (smtplib.SMTPException, OSError):
        return NotSent("no_connection")
    try:
        code, _ = connection.data(letter.as_bytes())
    except smtplib.SMTPDataError as error:  # it did not even want the text
        return _refused(error.smtp_code)
    except (smtplib.SMTPException, OSError) as error:
        return Unknown(type(error).__name__)
    return Accepted(letter["Message-ID"]) if code < 300 else _refused(code)


def _refused(code: int) -> Result:
    """RFC 5321: 4xx may work later, 5xx never will."""
    return NotSent(f"smtp_{code}") if code < 500 else Refused(f"smtp_{code}")


def _no_mailbox(code: int, says: bytes) -> bool:
    """Of the address itself. Who will have nothing from us, and says so with 5.7 (RFC 3463), says nothing of it."""
    return code in {550, 551, 553} and b"5.7." not in says


def _bare(sender: str) -> str:
    """ "Aspen Health <care@aspen.example>" → "care@aspen.example"."""
    return sender.rpartition("<")[2].rstrip(">")
