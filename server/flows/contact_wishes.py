"""What a patient and their proxies agree to, and in which order they want to be reached; entered by staff, undoable."""

from typing import get_args

from notifications.messages import Channel
from server.errors import Conflict, Invalid, NotFound
from server.flows.contact import NOT_THERE, Change, Typed, chosen, id_of, new_point
from server.flows.prefer_hours import STATE
from server.outreach import own_hours
from server.people import channel_order, consent, contact_points, proxies, zones
from server.people.channel_order import ChannelOrder
from server.people.consent import Consent, Topic


async def set_consent(one: Change, typed: Typed) -> None:
    channel: consent.Channel = chosen(typed, "channel", consent.Channel, "Choose text, call or e-mail.")
    topic: Topic = chosen(typed, "topic", Topic, "Choose what it is about.")
    if typed.get("wanted") == "no":
        done = await consent.withdraw(one.db, one.patient.id, channel, topic, one.now)
        action = "consent.withdraw"
    else:
        given = Consent(channel=channel, topic=topic, author=one.who.principal, source="staff", valid_from=one.now)
        done = await consent.give(one.db, one.patient.organization_id, one.patient.id, given)
        action = "consent.give"
    if not done:
        raise Conflict("That is how it was. Nothing was changed.")
    await one.note(action, str(one.patient.id), channel=channel, topic=topic)


async def prefer(one: Change, typed: Typed) -> None:
    wanted = [typed.get(f"way{number}", "") for number in range(1, 5)]
    channels: list[Channel] = [c for c in dict.fromkeys(wanted) if c in get_args(Channel)]  # type: ignore[misc]
    if not channels:
        raise Invalid("Choose at least one way to reach them.")
    order = ChannelOrder(channels=channels, with_links=typed.get("plain") != "1")
    if not await channel_order.choose(one.db, one.patient.id, order, one.who.principal, one.now):
        raise Conflict("That is how it was. Nothing was changed.")
    await one.note("contact.prefer", f"patient:{one.patient.id}", order=" ".join(channels))


async def add_proxy(one: Change, typed: Typed) -> None:
    name, relation = typed.get("name", "").strip(), typed.get("relation", "").strip()
    if not 0 < len(name) <= 100 or not 0 < len(relation) <= 60:
        raise Invalid("Give the proxy's name, and who they are to the patient, for example daughter.")
    topics: tuple[Topic, ...] = tuple(t for t in get_args(Topic) if typed.get(f"topic_{t}") == "1")
    if not topics:
        raise Invalid("A proxy hears only what they agreed to hear themselves: choose at least one.")
    zone, region = await _lives(one, typed)
    made = await proxies.add(
        one.db, one.patient.id, name, relation, one.who.principal, one.now, zone=zone, region=region
    )
    await new_point(one, typed, made, topics)
    await one.note("proxy.add", f"proxy:{made}")


async def _lives(one: Change, typed: Typed) -> tuple[str | None, str | None]:
    """(zone, state) of the proxy; where the patient lives is written as nothing, so that both move together."""
    own = (await own_hours.of(one.db, one.patient.id)).region
    zone = zones.known(typed["zone"]) if typed.get("zone", "").strip() else one.patient.zone
    region = typed.get("region", own or "") or None
    if region is not None and not STATE.fullmatch(region):
        raise Invalid("Choose the state from the list.")
    return (None, None) if (zone, region) == (one.patient.zone, own) else (zone, region)


async def end_proxy(one: Change, typed: Typed) -> None:
    proxy = id_of(typed, "proxy")
    if not await proxies.end(one.db, one.patient.id, proxy, one.who.principal, one.now):
        raise NotFound(NOT_THERE)
    await contact_points.end_of_proxy(one.db, one.patient.id, proxy, one.who.principal, one.now)
    await one.note("proxy.end", f"proxy:{proxy}")


async def proxy_again(one: Change, typed: Typed) -> None:
    proxy = id_of(typed, "proxy")
    ended = await proxies.again(one.db, one.patient.id, proxy)
    if ended is None:
        raise NotFound(NOT_THERE)
    await contact_points.again_of_proxy(one.db, one.patient.id, proxy, ended, one.who.principal, one.now)
    await one.note("proxy.again", f"proxy:{proxy}")
