"""A device joins, and goes from patient to patient: registered, let in at the broker, lent from–to, taken back."""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec

from devices import credentials, enrol
from devices.enrol import Loan, Model
from devices.formats import DECODERS
from devices.units import KINDS
from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.errors import Conflict, Invalid, NotFound
from server.flows import access
from server.people import patients
from server.security import audit

NO_DEVICE = access.NO_DEVICE


class NewDevice(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is made when it is left out; `patient` gets the device on loan at once, from `since` on.

    A model that is new here is made from `maker` and `kinds`; one that is known needs neither.
    """

    model: str
    maker: str = "unknown"
    kinds: Sequence[str] = ()
    id: str | None = None
    patient: uuid.UUID | None = None
    since: datetime | None = None


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """The password is told once. `commands` are for the broker's administrator, when we could not do it."""

    device_id: str
    password: str
    commands: list[str]
    why_not: str | None = None

    @property
    def granted(self) -> bool:
        return not self.commands


async def register(
    database: Database, who: Who, device: NewDevice, mqtt_admin_url: str | None, now: datetime
) -> Registered:
    """One transaction, then the broker: if that fails the device stands and the commands are handed out."""
    password, secret_hash = enrol.new_secret()
    device_id = checked_id(device)
    async with database.transaction(who) as db:
        await enter(db, who, device_id, device, secret_hash, now)
    done = await access.let_in(device_id, password, mqtt_admin_url)
    return Registered(device_id=device_id, password=password, commands=done.commands, why_not=done.why_not)


async def enter(db: Db, who: Who, device_id: str, device: NewDevice, secret_hash: bytes | None, now: datetime) -> None:
    """The device, its model if new, and its loan, inside an open transaction; noted."""
    organization = access.organization_of(who)
    model = await enrol.model(db, device.model) or await _new_model(db, who, device, now)
    if not await enrol.register(db, device_id, organization, model, secret_hash, now):
        raise Conflict(f"There is a device {device_id} already. Choose another id, or leave it out.")
    await audit.note(db, who, organization, "device.register", device_id, now)
    if device.patient:
        await record(db, who, device_id, Loan(patient=device.patient, since=device.since or now), now)


async def _new_model(db: Db, who: Who, device: NewDevice, now: datetime) -> uuid.UUID:
    _measures(device.kinds)
    await _add_model(db, who, Model(name=device.model, maker=device.maker, kinds=list(device.kinds)), now)
    made = await enrol.model(db, device.model)
    assert made is not None
    return made


async def add_model(database: Database, who: Who, model: Model, now: datetime) -> None:
    """What a kind of device is like; its name is what `device add` names it by."""
    _measures(model.kinds)
    if model.format not in DECODERS:
        raise Invalid(f"{model.format!r} is no format. Known: {', '.join(sorted(DECODERS))}.")
    if not 1 <= model.slots <= 16:
        raise Invalid("A device has 1 to 16 user slots.")
    async with database.transaction(who) as db:
        if not await _add_model(db, who, model, now):
            raise Conflict(f"There is a model {model.name!r} already. `careloop device model list` shows it.")


async def _add_model(db: Db, who: Who, model: Model, now: datetime) -> bool:
    organization, new_id = access.organization_of(who), uuid7()
    if not await enrol.add_model(db, new_id, organization, model):
        return False
    await audit.note(db, who, organization, "device_model.add", f"device_model:{new_id}", now)
    return True


async def set_silence(database: Database, who: Who, model: str, hours: int | None, now: datetime) -> None:
    """How long devices of this model may send nothing before an alarm; None: as long as the installation says."""
    async with database.transaction(who) as db:
        changed = await enrol.set_silence(db, model, hours)
        if changed is None:
            raise NotFound(f"There is no model {model!r}. `careloop device model list` shows them.")
        detail = {"silent_after_hours": hours}
        organization, subject = access.organization_of(who), f"device_model:{changed}"
        await audit.note(db, who, organization, "device_model.silence", subject, now, detail=detail)


async def lend(database: Database, who: Who, device_id: str, loan: Loan, now: datetime) -> None:
    """From–to the device's readings are this patient's, by the time they were measured."""
    async with database.transaction(who) as db:
        await record(db, who, device_id, loan, now)


async def record(db: Db, who: Who, device_id: str, loan: Loan, now: datetime) -> None:
    """The same inside a transaction that is open already."""
    if loan.until is not None and loan.until <= loan.since:
        raise Invalid("A loan ends after it begins. Check --from and --to.")
    if await patients.get(db, loan.patient) is None:
        raise NotFound("There is no such patient. `careloop patient list` shows their ids.")
    slots = await enrol.slots(db, device_id)
    if slots is None:
        raise NotFound(NO_DEVICE)
    if loan.user_slot is not None and not 1 <= loan.user_slot <= slots:
        raise Invalid(f"Device {device_id} has user slots 1 to {slots}, by its model.")
    organization = access.organization_of(who)
    if not await enrol.lend(db, uuid7(), organization, device_id, loan):
        raise Conflict(f"Device {device_id} is lent to somebody at that time. Take it back first.")
    await audit.note(db, who, organization, "device.lend", device_id, now, patient=loan.patient)


async def take_back(
    database: Database, who: Who, device_id: str, at: datetime, now: datetime, user_slot: int | None = None
) -> None:
    """The loan ends at that time; what was measured before stays the patient's."""
    async with database.transaction(who) as db:
        if await enrol.slots(db, device_id) is None:
            raise NotFound(NO_DEVICE)
        if not await enrol.take_back(db, device_id, at, user_slot):
            raise Conflict(f"Nobody has device {device_id} on loan at that time.")
        await audit.note(db, who, access.organization_of(who), "device.return", device_id, now)


def checked_id(device: NewDevice) -> str:
    """The id that was asked for, or a new one; `Invalid` says what an id looks like."""
    if device.id is not None and not credentials.DEVICE_ID.fullmatch(device.id):
        raise Invalid(
            f"{device.id!r} cannot be a device's id: 1 to 64 letters, digits, '-' or '_', not beginning with careloop_."
        )
    kind = device.kinds[0].replace("_", "-") if device.kinds else "device"
    return device.id or f"{kind}-{secrets.token_hex(4)}"


def _measures(kinds: Sequence[str]) -> None:
    if not kinds or any(kind not in KINDS for kind in kinds):
        raise Invalid(f"What does it measure? Any of {', '.join(KINDS)}.")
