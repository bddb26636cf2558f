"""A code is sent to a number or address and read back: then it is known that whoever holds it is who we think."""

from notifications import outbox, wording
from notifications.messages import Message
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.errors import Conflict
from server.flows.contact import Change, Typed, sender_of
from server.people import contact_codes, contact_points, organizations, telephones
from server.people.contact_points import Point, PointChannel

SOON = "A code was sent a moment ago. Wait a minute before sending another."
WRONG = "That is not the code. Ask them to read it once more."
OVER = "There is no code to read back any more: it is too old, or was tried too often. Send a new one."


async def send_code(one: Change, typed: Typed) -> None:
    """By text, by a call to what cannot be texted, or by e-mail. It goes at once, and whoever opted out gets none."""
    point = await one.point(typed)
    sender = await sender_of(one, point.channel)
    known = (await telephones.of(one.db, one.patient.id, one.patient.organization_id, [point.hash], sender))[point.hash]
    if known.opted_out_at is not None:
        raise Conflict("They want no messages here, so no code is sent. Record first that they do.")
    channel: PointChannel = "voice" if point.channel == "sms" and known.cannot_text else point.channel
    made = await contact_codes.make(one.db, one.patient.id, channel, point.hash, one.now)
    if made is None:
        raise Conflict(SOON)
    await outbox.put(one.db, [await _message(one, point, channel, f"code:{made[0]}", made[1])])
    await tell(one.db, Event(topic="outbox"))
    await one.note("contact.send_code", f"contact_point:{point.id}", channel=channel)


async def _message(one: Change, point: Point, channel: PointChannel, unique: str, code: str) -> Message:
    organization = await organizations.get(one.db, one.patient.organization_id)
    said = " ".join(code) if channel == "voice" else code  # digit by digit
    text = wording.render("verify_code", point.language, clinic=organization.name if organization else "", code=said)
    return Message(
        id=uuid7(), organization_id=one.patient.organization_id, purpose=text.purpose, unique_for=unique,
        channel=channel, patient_id=one.patient.id, to_number=point.address, to_hash=point.hash, wording=text.name,
        wording_version=text.version, language=text.language, body=text.body, not_before=one.now, created_at=one.now,
    )  # fmt: skip


async def check_code(one: Change, typed: Typed) -> str | None:
    """What the patient read back, typed by staff. A wrong try is kept, so nobody tries all, and told in words."""
    point = await one.point(typed)
    code = "".join(typed.get("code", "").split())
    right = await contact_codes.check(one.db, one.patient.id, point.hash, code, one.now)
    if not right:
        return WRONG if right is False else OVER
    if point.channel == "email":
        await contact_points.verify(one.db, one.patient.id, point.hash, one.now)
    else:
        await telephones.verify(one.db, one.patient.organization_id, point.hash, one.now)
    await one.note("contact.verify", f"contact_point:{point.id}")
    return None
