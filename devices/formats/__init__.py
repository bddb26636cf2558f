"""Wire formats, one file each, all of the same shape: `decode(payload) -> list[Entry]`, never raising."""

from collections.abc import Callable

from devices.decoded import Entry
from devices.formats import native

Decoder = Callable[[bytes], list[Entry]]

DECODERS: dict[str, Decoder] = {"native": native.decode}


def decode(payload: bytes, format_name: str) -> list[Entry]:
    """The entries of a message in the device model's format; an unknown format name reads as native."""
    return DECODERS.get(format_name, native.decode)(payload)
