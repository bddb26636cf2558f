"""How long each thing may take before it is trouble: everything follows from how often the auditor looks.

A person must be reached within one and a half probe intervals and fifteen seconds, so no patience may be longer than
an interval, and a round and its telling must fit behind it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

import msgspec

Often = Literal["beats", "patience", "run", "slow", "unhurried"]


def _between(least: float, wanted: timedelta, most: float) -> timedelta:
    return max(timedelta(seconds=least), min(wanted, timedelta(seconds=most)))


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """`every`: between two test readings; `rest`: between two rounds; `tick`: the worker's slow loops.

    `doubt`: how long the worker asks what became of a text, before it asks a person.
    """

    every: timedelta = timedelta(seconds=60)
    rest: timedelta = timedelta(seconds=30)
    tick: timedelta = timedelta(seconds=60)
    doubt: timedelta = timedelta(minutes=15)

    @property
    def patience(self) -> timedelta:
        """For a page to be written, to leave and to arrive; for the web and the provider to answer."""
        return _between(10, self.every, 60)

    @property
    def beats(self) -> timedelta:
        """For loops that beat all the time, the slowest every eight seconds."""
        return _between(12, self.every / 2, 30)

    @property
    def slow_beats(self) -> timedelta:
        """For loops that the minute's bell wakes, or that look every half minute."""
        return max(self.patience, 3 * self.tick + timedelta(seconds=15), timedelta(seconds=45))

    @property
    def within(self) -> Mapping[Often, timedelta]:
        """How long a loop may be silent. The unhurried ones look once an hour, and nobody is harmed meanwhile."""
        return {
            "beats": self.beats, "patience": self.patience, "run": self.checked, "slow": self.slow_beats,
            "unhurried": timedelta(hours=3),
        }  # fmt: skip

    @property
    def undecided(self) -> timedelta:
        """For what became of a text to be known, or a person's task: there may be many to ask about."""
        return self.doubt + timedelta(minutes=5)

    @property
    def step(self) -> timedelta:
        """For a step that is due to be taken: the worker looks every two seconds."""
        return timedelta(seconds=15)

    @property
    def own_page(self) -> timedelta:
        """For the worker to page about an alarm of ours; after that we do."""
        return _between(5, self.every / 6, 10)

    @property
    def again(self) -> timedelta:
        """Until we say the same again, when nobody answers and nobody else says it."""
        return _between(20, 6 * self.every, 360)

    @property
    def checked(self) -> timedelta:
        """For a round after the last: later than that nobody is checking."""
        return _between(12, 1.5 * self.every, 90)

    @property
    def round_fresh(self) -> timedelta:
        """How old the last round may be when somebody outside is told that all is well."""
        return self.rest + _between(8, self.every / 4, 15)

    @property
    def run_fresh(self) -> timedelta:
        """How long ago the newest arrived test reading may have been sent: it has half an interval to arrive."""
        return 1.5 * self.every + _between(2, self.every / 12, 5)

    @property
    def outside(self) -> timedelta:
        """Between two words to the outside: often, so that they stop soon."""
        return max(timedelta(seconds=1), self.every / 4)

    @property
    def warm(self) -> timedelta:
        """After our own start the others may be starting too."""
        return _between(15, self.every, 60)

    @property
    def apart(self) -> timedelta:
        """How far two clocks of ours may differ."""
        return timedelta(seconds=15)


USUAL = Pace()
