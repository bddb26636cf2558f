"""From the touches so far to what comes next for an open gap: a day for the next text, or a person who calls."""

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

TEXTS_BEFORE_A_CALL = 3  # somebody who did not answer three texts will not answer a fourth


class NextText(msgspec.Struct, frozen=True):
    """The first day on which the next text may go."""

    on: date


class PersonCalls(msgspec.Struct, frozen=True):
    """Texts have not helped; since that day somebody should call."""

    since: date


def next_touch(touched_on: Sequence[date], opened_on: date, after_days: int) -> NextText | PersonCalls:
    """Texts are `after_days` apart, the first from the day the gap opened; all dates are the patient's local ones."""
    if not touched_on:
        return NextText(opened_on)
    again = max(touched_on) + timedelta(days=after_days)
    return NextText(again) if len(touched_on) < TEXTS_BEFORE_A_CALL else PersonCalls(again)
