"""What the learned model makes of a text: danger, a wish for no more texts, both or neither; it only ever adds.

A false alarm costs a nurse's look and a missed one may cost a life, so danger counts early. The limits of 2026-11-22
weigh misses against their price on `tests/notifications/replies_benign.tsv`: for clinical sign-off.
"""

from functools import lru_cache
from importlib.resources import files
from math import sqrt
from typing import Literal

import msgspec

from notifications.hearing.features import PLACES, features, windows

Label = Literal["danger", "opt_out"]
LABELS: tuple[Label, ...] = ("danger", "opt_out")
FROM: dict[Label, float] = {"danger": 0.1, "opt_out": 0.2}
WEIGHTS = "weights.bin"
BARE = 3  # words of a reading that says nothing else


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """How the weights came to be: the first line of their file. A weight is a signed byte times `step`.

    `corpus` and `seen` are hashes of the lines it was learned from, and of what was seen of a sample of them.
    """

    corpus: str
    seen: str
    seed: int
    rounds: int
    bias: dict[Label, float]
    step: dict[Label, float]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One weight for each place and label."""

    made: Made
    weights: dict[Label, memoryview]

    def score(self, label: Label, places: list[int]) -> float:
        """Above zero is more likely than not; the longer a text, the less each thing in it weighs."""
        weights = self.weights[label]
        total = sum([weights[place] for place in places])
        return self.made.bias[label] + total * self.made.step[label] / sqrt(len(places) or 1)


@lru_cache(maxsize=1)
def learned() -> Model:
    """The weights shipped with the package."""
    return read(files("notifications.hearing").joinpath(WEIGHTS).read_bytes())


def read(data: bytes) -> Model:
    """One line that says how they were made, then the weights of each label."""
    line, _, rest = data.partition(b"\n")
    if len(rest) != PLACES * len(LABELS):
        raise ValueError("The weights of the classifier are damaged. Install Careloop again.")
    each = memoryview(rest).cast("b")
    weights = {label: each[i * PLACES : (i + 1) * PLACES] for i, label in enumerate(LABELS)}
    return Model(made=msgspec.json.decode(line, type=Made), weights=weights)


@lru_cache(maxsize=1024)
def heard(words: str) -> frozenset[Label]:
    """What the model hears in `words`: lower case, without accents and punctuation, as they were written.

    It knows no values, so of a bare reading ("sugar 54") it says nothing: the rules know what is too low.
    """
    if len(words.split()) <= BARE and any(word.isdigit() for word in words.split()):
        return frozenset()
    return frozenset(label for label, score in scores(words).items() if score > FROM[label])


def scores(words: str) -> dict[Label, float]:
    """How sure the model is, by its surest window."""
    model, seen = learned(), [features(window) for window in windows(words)]
    return {label: max(model.score(label, places) for places in seen) for label in LABELS}
