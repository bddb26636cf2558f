"""What goes wrong at the stand-in, on command: the next texts in a given order, or any text by chance with a seed."""

import random
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

import msgspec

# too_many, queue_full: 429. error: 500. silence: no answer until the caller gives up. hang_up: the connection is cut
# in the middle of the answer. "…_after_accepting": the text goes out all the same and is reported; lost: it is not.
Mishap = Literal[
    "too_many", "queue_full", "error", "error_after_accepting", "silence", "silence_after_accepting", "hang_up",
    "hang_up_after_accepting", "lost_after_accepting", "undelivered",
]  # fmt: skip
# Of a call the same; then no_answer, busy and failed, as which it ends by itself.
CallMishap = Literal[
    "too_many", "queue_full", "error", "error_after_accepting", "silence", "silence_after_accepting", "hang_up",
    "hang_up_after_accepting", "lost_after_accepting", "no_answer", "busy", "failed",
]  # fmt: skip
Kind = TypeVar("Kind", Mishap, CallMishap)
KEPT = 1000


class Callbacks(msgspec.Struct, frozen=True, kw_only=True):
    """How the provider reports: each report so many `times`, `shuffled`, up to `late_s` later.

    `early`: how often, from 0 to 1, a report comes before the answer to the request. `forged`: so many reports and
    texts beside, which the provider did not sign.
    """

    times: int = 1
    shuffled: bool = False
    late_s: float = 0.0
    early: float = 0.0
    forged: int = 0

    @property
    def wild(self) -> bool:
        """Not one of each, in order and at once."""
        return self.times != 1 or self.shuffled or self.late_s > 0


class Chances(msgspec.Struct, frozen=True, kw_only=True):
    """Rates from 0 to 1 of each mishap, of texts and of calls; `retry_after`: seconds that every 429 says, if given."""

    rates: dict[Mishap, float] = {}
    call_rates: dict[CallMishap, float] = {}
    seed: int = 0
    retry_after: int | None = None
    callbacks: Callbacks = Callbacks()


class Luck:
    """What the next text meets with."""

    def __init__(self) -> None:
        self.texts: deque[Mishap] = deque(maxlen=KEPT)
        self.calls: deque[CallMishap] = deque(maxlen=KEPT)
        self.chances = Chances()
        self.dice = random.Random(0)  # noqa: S311  mishaps are no secret
        self.to_forge = 0

    def ask(self, chances: Chances) -> None:
        """From now on by these chances; the same seed gives the same luck."""
        self.chances = chances
        self.dice = random.Random(chances.seed)  # noqa: S311
        self.to_forge = chances.callbacks.forged

    def add(self, texts: Iterable[Mishap], calls: Iterable[CallMishap]) -> None:
        self.texts.extend(texts)
        self.calls.extend(calls)

    def of_text(self) -> Mishap | None:
        """What was ordered comes before chance."""
        return self.texts.popleft() if self.texts else self._by_chance(self.chances.rates)

    def of_call(self) -> CallMishap | None:
        """The same of a call."""
        return self.calls.popleft() if self.calls else self._by_chance(self.chances.call_rates)

    def _by_chance(self, rates: Mapping[Kind, float]) -> Kind | None:
        thrown = self.dice.random()
        for mishap, rate in rates.items():
            if (thrown := thrown - rate) < 0:
                return mishap
        return None

    def forges(self) -> bool:
        """Whether one more forgery is due."""
        self.to_forge -= 1
        return self.to_forge >= 0
