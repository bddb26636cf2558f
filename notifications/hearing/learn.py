"""How the weights are made from the corpus, the same bit for bit each time: `python -m notifications.hearing.learn`.

A linear model with squared hinge loss, learned one line at a time. It uses only + - * / and the square root, which
every machine rounds alike, and an order drawn from a seed.
"""

import csv
import hashlib
import io
from collections.abc import Iterable
from importlib.resources import files
from math import sqrt
from pathlib import Path
from zlib import crc32

import msgspec

from notifications.hearing.features import PLACES, features, windows
from notifications.hearing.opinion import LABELS, WEIGHTS, Label, Made
from notifications.replies import plain

SEED = 20261122
ROUNDS = 20
RATE = 0.1
SHRINK = 1e-3
MISS = 2.0  # a line missed weighs this much more than a false alarm
LARGEST = 127
SAMPLE = 8  # of so many lines one is hashed as it is seen: a test has no time for all

HERE = Path(str(files("notifications.hearing")))
Seen = list[tuple[list[int], frozenset[str]]]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One written example; `labels` is empty where it is neither."""

    labels: frozenset[str]
    text: str


def corpus(folder: Path = HERE / "corpus") -> dict[str, list[Line]]:
    """The lines of every author, by file: label and text, divided by a tab."""
    return {path.stem: _lines(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.tsv"))}


def _lines(text: str) -> list[Line]:
    rows = csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [Line(labels=frozenset(label.split(",")) & set(LABELS), text=said) for label, said in rows]


def corpus_hash(folder: Path = HERE / "corpus") -> str:
    """What the weights belong to: the bytes of every file, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.tsv")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def seen_of(lines: Iterable[Line]) -> Seen:
    """What the model sees of each line; of a long one only its beginning, for one label stands for the whole."""
    return [(features(windows(plain(line.text))[0]), line.labels) for line in lines]


def seen_hash(seen: Seen) -> str:
    """Changes when a text is seen differently, as when the words of danger that misspelt words are mended to change."""
    return hashlib.sha256(msgspec.json.encode([[places, sorted(labels)] for places, labels in seen])).hexdigest()


def trained(seen: Seen, label: Label) -> tuple[list[float], float]:
    """A weight for each place, and the bias."""
    weights, steps = [0.0] * PLACES, [1.0] * PLACES
    bias, bias_step = 0.0, 1.0
    for turn in range(ROUNDS):
        for i in sorted(range(len(seen)), key=lambda line: (crc32(f"{SEED} {turn} {line}".encode()), line)):
            places, labels = seen[i]
            wanted = 1.0 if label in labels else -1.0
            share = 1 / sqrt(len(places) or 1)
            short = 1.0 - wanted * _score(weights, bias, places, share)
            if short <= 0:
                continue
            slope = -wanted * short * (MISS if label in labels else 1.0)
            for place in places:
                by = slope * share + SHRINK * weights[place]
                steps[place] += by * by
                weights[place] -= RATE * by / sqrt(steps[place])
            bias_step += slope * slope
            bias -= RATE * slope / sqrt(bias_step)
    return weights, bias


def _score(weights: list[float], bias: float, places: list[int], share: float) -> float:
    """Added one by one: `sum` rounds differently from one Python to the next."""
    total = bias
    for place in places:
        total += weights[place] * share
    return total


def packed(seen: Seen, made_from: str) -> bytes:
    """The file of the weights: how they were made in one line, then a signed byte for each place and label."""
    bias: dict[Label, float] = {}
    step: dict[Label, float] = {}
    packs: list[bytes] = []
    for label in LABELS:
        weights, bias[label] = trained(seen, label)
        step[label] = max(map(abs, weights)) / LARGEST
        packs.append(bytes(round(weight / step[label]) & 0xFF for weight in weights))
    made = Made(corpus=made_from, seen=seen_hash(seen[::SAMPLE]), seed=SEED, rounds=ROUNDS, bias=bias, step=step)
    return msgspec.json.encode(made) + b"\n" + b"".join(packs)


def learn() -> bytes:
    """The weights that belong to the corpus as it is."""
    return packed(seen_of(line for lines in corpus().values() for line in lines), corpus_hash())


if __name__ == "__main__":
    (HERE / WEIGHTS).write_bytes(learn())
