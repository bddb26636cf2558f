"""A campaign of damaged payloads against the decoders: seeded, so that what it finds can be looked at again.

`run("gatt", samples, count=100_000, seed=1)` never raises for a decoder's sake: it counts. An input counts as slow
when the best of three decodings takes more CPU than allowed.
"""

import json
import random
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from devices.decoded import DecodedReading
from devices.formats import DECODERS, Decoder

CPU_AT_MOST_MS = 10.0
LOOK_AGAIN_MS = 2.0  # below this one decoding is proof enough

NUMBERS = (
    b"0", b"-1", b"-0", b"2047", b"1e999", b"1e-999", b"-1e999", b"1E400", b"9" * 400, b"0." + b"1" * 400, b"NaN",
    b"18446744073709551616", b"9223372036854775808", b"1e15", b"99999999999999999999", b"253402300800", b"-2208988801",
)  # fmt: skip
WORDS = (
    b"null", b"true", b"[]", b"{}", b'""', b'"NaN"', b'"Infinity"', b'"\\u0000"', b'"\\ud800"', b'"HI"',
    b'"9999-12-31T23:59:59-14:00"', b'"0001-01-01T00:00:00+14:00"', b'"2026-02-30T00:00:00Z"',
    b'"' + b"f" * 5000 + b'"', b'"urn:uuid:00000000-0000-0000-0000-000000000000"', b"[" * 3000, b'{"a":' * 2000,
    b"\xff\xfe", b"\x00",
)  # fmt: skip


PLACED: tuple[Any, ...] = (
    None, True, "", 0, -1, 2047, 1e308, 10**30, "NaN", "x" * 300, [], {}, "2A18", "2A34", "2AA7", "07ff", "ff" * 20,
    "9999-12-31T23:59:59-14:00", "2026", "kPa", "mmol/L", "%", "Device/x", "positive-infinity", ">", 160208, "85354-9",
)  # fmt: skip


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign found; `raised` holds the first ten (input, error's name)."""

    format: str
    seed: int
    inputs: int
    raised: list[tuple[bytes, str]]
    slow: list[bytes]
    worst_ms: float
    readings: int

    @property
    def says(self) -> str:
        return (
            f"{self.format}: {len(self.raised)} of {self.inputs} raised, {len(self.slow)} of {self.inputs} over "
            f"{CPU_AT_MOST_MS:g} ms of CPU, worst {self.worst_ms:.2f} ms, {self.readings} readings (seed {self.seed})"
        )


def run(
    format_name: str, samples: Sequence[bytes], *, count: int, seed: int, decoder: Decoder | None = None
) -> Outcome:
    """Decode `count` damaged samples with the format's own decoder, or another one."""
    chance = random.Random(seed)  # noqa: S311 (no secret: to be repeated)
    decode = decoder or DECODERS[format_name]
    raised: list[tuple[bytes, str]] = []
    slow: list[bytes] = []
    worst, readings = 0.0, 0
    for _ in range(count):
        payload = mutate(chance, samples)
        try:
            spent = _cpu_ms(decode, payload)
            entries = decode(payload)
        except Exception as error:
            raised = [*raised, (payload, type(error).__name__)][:10]
            continue
        readings += sum(isinstance(entry.decoded, DecodedReading) for entry in entries)
        worst = max(worst, spent)
        slow += [payload] if spent > CPU_AT_MOST_MS else []
    return Outcome(
        format=format_name, seed=seed, inputs=count, raised=raised, slow=slow, worst_ms=worst, readings=readings
    )


def _cpu_ms(decode: Decoder, payload: bytes) -> float:
    best = float("inf")
    for _ in range(3):
        before = time.thread_time_ns()
        decode(payload)
        best = min(best, (time.thread_time_ns() - before) / 1e6)
        if best < LOOK_AGAIN_MS:
            break
    return best


def mutate(chance: random.Random, samples: Sequence[bytes]) -> bytes:
    """One sample with one to four things done to it."""
    payload = chance.choice(samples)
    for _ in range(chance.choice((1, 1, 2, 3))):
        payload = chance.choice(DAMAGES)(chance, payload, samples)
    return payload[:1_500_000]


def _flip(chance: random.Random, payload: bytes, _: Sequence[bytes]) -> bytes:
    if not payload:
        return b"\x00"
    at = chance.randrange(len(payload))
    return payload[:at] + bytes([chance.randrange(256)]) + payload[at + 1 :]


def _cut(chance: random.Random, payload: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(chance, payload)
    return payload[:start] + payload[end:]


def _repeat(chance: random.Random, payload: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(chance, payload)
    return payload[:end] + payload[start:end] * chance.choice((1, 2, 50)) + payload[end:]


def _splice(chance: random.Random, payload: bytes, samples: Sequence[bytes]) -> bytes:
    other = chance.choice(samples)
    start, end = _span(chance, other)
    at = chance.randrange(len(payload) + 1)
    return payload[:at] + other[start:end] + payload[at:]


def _number(chance: random.Random, payload: bytes, _: Sequence[bytes]) -> bytes:
    """Put something else where a number stands."""
    starts = [i for i, byte in enumerate(payload) if 48 <= byte <= 57 and (i == 0 or payload[i - 1] in b" :,[-")]
    if not starts:
        return payload + chance.choice(NUMBERS)
    start = end = chance.choice(starts)
    while end < len(payload) and payload[end] in b"0123456789.eE+-":
        end += 1
    return payload[:start] + chance.choice((*NUMBERS, *WORDS)) + payload[end:]


def _text(chance: random.Random, payload: bytes, _: Sequence[bytes]) -> bytes:
    """Put something else where a text, or a field's name, stands."""
    quotes = [i for i, byte in enumerate(payload) if byte == 34]
    if len(quotes) < 2:
        return payload + chance.choice(WORDS)
    at = chance.randrange(len(quotes) - 1)
    return payload[: quotes[at]] + chance.choice((*WORDS, *NUMBERS)) + payload[quotes[at + 1] + 1 :]


def _tree(chance: random.Random, payload: bytes, _: Sequence[bytes]) -> bytes:
    """Put something else at one place of the message, which stays JSON: damage that gets past the first look."""
    try:
        root = [json.loads(payload)]
    except (ValueError, RecursionError):
        return payload
    node: Any = root
    for _depth in range(12):
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = chance.choice(keys)
        if not (isinstance(node[key], dict | list) and node[key]) or (_depth and chance.random() < 0.1):
            break
        node = node[key]
    if isinstance(node, dict) and chance.random() < 0.2:
        del node[key]
    else:
        node[key] = chance.choice((*PLACED, node[key], [node[key]], {"value": node[key]}))
    return json.dumps(root[0]).encode()


def _many(chance: random.Random, payload: bytes, _: Sequence[bytes]) -> bytes:
    """The same message many times in one array."""
    return b"[" + b",".join([payload] * chance.choice((2, 20, 60))) + b"]"


def _span(chance: random.Random, payload: bytes) -> tuple[int, int]:
    start = chance.randrange(len(payload) + 1)
    return start, min(len(payload), start + chance.choice((1, 2, 8, 64, 512)))


DAMAGES = (_flip, _cut, _repeat, _splice, _number, _text, _tree, _tree, _tree, _tree, _tree, _many)
