"""`careloop decode`: what a device's message would be read as, without storing anything."""

import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from devices import formats, quality
from devices.decoded import DecodedReading, Entry
from devices.formats import detect

LARGEST = 10_000_000  # bytes read; the decoders themselves take a megabyte
_exact = msgspec.json.Encoder(decimal_format="number")  # numbers keep the digits they came with


@click.command()
@click.option(
    "--format", "format_name", type=click.Choice(sorted(formats.DECODERS)), help="The format.  [default: found out]"
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
def decode(format_name: str | None, file: Path) -> None:
    """Print the normalised readings of a device's message, one JSON object per line; - reads standard input.

    An entry that can never be a reading is printed as {"refused": reason}, and the exit code is 1. Nothing is stored.
    """
    payload = _payload(file)
    name = format_name or detect.guess(payload)
    if name is None:
        click.echo('{"refused":"unknown_format"}')
        raise SystemExit(1)
    entries = formats.decode(payload, name)
    for entry in entries:
        click.echo(_exact.encode(_shown(entry)))
    if not all(isinstance(entry.decoded, DecodedReading) for entry in entries):
        raise SystemExit(1)


def _payload(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read(LARGEST)
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST)
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be read ({error.strerror}).", param_hint="FILE") from None


def _shown(entry: Entry) -> dict[str, Any]:
    """The reading as one flat object; what was not told is left out."""
    said = entry.decoded
    if not isinstance(said, DecodedReading):
        return _told({"refused": said.reason, "seq": said.seq})
    flags = [*said.flags, *(["implausible"] if quality.implausible(said) else [])]
    numbers: dict[str, Decimal] = said.values
    return _told({"kind": said.kind, "measured_at": _time(said), **numbers}) | {"flags": flags} | _told({
        "out_of_range": said.out_of_range, "context": said.context, "user_slot": said.user_slot,
        "source": said.source, "seq": said.seq, "epoch": said.epoch or None, "backlog": said.backlog or None,
        "measured_at_raw": said.measured_at_raw,
    })  # fmt: skip


def _time(said: DecodedReading) -> str | None:
    """ISO 8601; without an offset it is the wall clock of whoever wears the device."""
    at: datetime | None = said.measured_at
    return at.isoformat() if at else None


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
