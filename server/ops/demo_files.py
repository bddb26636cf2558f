"""What the demo keeps beside its database: secrets made once, its world, and the ready file for scripts."""

import os
import secrets
import tempfile
import uuid
from pathlib import Path
from typing import TypeVar

import msgspec

from server.errors import BadSetting
from server.flows.hire import new_password
from server.ops.world.build import SignIn, World
from server.ops.world.clinic import ReadyDevice

T = TypeVar("T")


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """Made at the first start; a second start with others could not open what the first one wrote."""

    secret_key: str
    field_key: str
    twilio_sid: str
    twilio_token: str
    password: str


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The ready file: all a script needs to drive the demo."""

    base_url: str
    mqtt_host: str
    mqtt_port: int
    database_url: str
    sign_ins: list[SignIn]
    device: ReadyDevice
    sms_url: str


def make_folder(folder: Path) -> None:
    """The demo's folder, open to its owner only."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "logs").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"{folder} cannot be used ({error.strerror}). Choose another folder with --data.") from None


def secrets_in(folder: Path) -> Secrets:
    """The folder's secrets, made if there are none."""
    path = folder / "secrets.json"
    found = _read(path, Secrets)
    if found is not None:
        return found
    made = Secrets(
        secret_key=secrets.token_hex(32),
        field_key=secrets.token_hex(32),
        twilio_sid="AC" + secrets.token_hex(16),
        twilio_token=secrets.token_hex(16),
        password=new_password(groups=3),
    )
    write_private(path, msgspec.json.encode(made))
    return made


def world_in(folder: Path) -> World | None:
    """None until a world was made here to its end."""
    return _read(folder / "world.json", World)


def keep_world(folder: Path, world: World) -> None:
    write_private(folder / "world.json", msgspec.json.format(msgspec.json.encode(world)))
    write_private(folder / "homes.json", b"\n".join(msgspec.json.encode(home) for home in world.homes) + b"\n")


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError):
        raise BadSetting(
            f"{path} cannot be read. Restore it, or delete the folder {path.parent} to begin the demo anew."
        ) from None


def write_private(path: Path, content: bytes) -> None:
    """In one step, readable by its owner only: nobody ever sees half of it."""
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{uuid.uuid4().hex[:6]}")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
