"""Proportion of days covered: early refills carry forward, a day counts once, and it says what can still be missed."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.gaps.adherence import Fill, Pdc, TooFew, counts_for, pdc

JAN_1, DEC_31 = date(2026, 1, 1), date(2026, 12, 31)


def on(month: int, day: int, supply: int = 30) -> Fill:
    return Fill(date(2026, month, day), supply)


def made(*fills: Fill, today: date = DEC_31) -> Pdc:
    found = pdc(fills, DEC_31, today)
    assert isinstance(found, Pdc)
    return found


@pytest.mark.parametrize("fills", [[], [on(1, 1)], [on(1, 1), on(1, 1, 60)]])
def test_one_fill_is_no_number(fills: list[Fill]) -> None:
    assert pdc(fills, DEC_31, DEC_31) == TooFew(fills=len(fills))


def test_days_count_from_the_first_fill_to_the_end_of_the_period() -> None:
    found = made(on(12, 2), on(12, 20))
    assert (found.covered, found.days, found.share, found.adherent) == (30, 30, 1, True)


def test_an_early_refill_carries_forward() -> None:
    # 30 days from 1 January, refilled on the 21st: 60 days in a row, to 1 March.
    found = made(on(1, 1), on(1, 21), today=date(2026, 3, 10))
    assert (found.covered, found.days, found.runs_out_on) == (60, 69, date(2026, 3, 2))


def test_another_medicine_of_the_class_covers_a_day_once_and_carries_nothing() -> None:
    found = made(Fill(JAN_1, 30, "lisinopril"), Fill(date(2026, 1, 21), 30, "losartan"), today=date(2026, 3, 10))
    assert (found.covered, found.runs_out_on) == (50, date(2026, 2, 20))


def test_a_gap_stays_a_gap() -> None:
    found = made(on(1, 1), on(2, 15), today=date(2026, 3, 16))
    assert (found.covered, found.days) == (60, 75)
    assert found.share == Fraction(4, 5)
    assert found.adherent  # at 80 % exactly


def test_just_under_eighty_percent_is_not_adherent() -> None:
    assert not made(on(1, 1), on(2, 15), today=date(2026, 3, 17)).adherent


@pytest.mark.parametrize(
    ("fills", "today", "can_miss"),
    [
        ([on(1, 1), on(1, 31)], date(2026, 3, 1), 73),  # 365 days: a fifth is 73, none was missed
        ([on(1, 1), on(2, 15)], date(2026, 3, 16), 58),  # 15 were
        ([on(1, 1, 10), on(1, 11, 10)], date(2026, 4, 4), -1),  # 74 were: out of reach
    ],
)
def test_it_says_how_many_days_can_still_be_missed(fills: list[Fill], today: date, can_miss: int) -> None:
    assert made(*fills, today=today).can_miss == can_miss


def test_what_reaches_beyond_the_period_does_not_count() -> None:
    assert made(on(11, 1), on(12, 1, 90)).covered == 61


fills_of_a_year = st.lists(
    st.builds(lambda day, supply: Fill(JAN_1 + timedelta(days=day), supply), st.integers(0, 364), st.integers(1, 100)),
    min_size=2,
    max_size=15,
)


@given(fills_of_a_year, st.randoms(use_true_random=False))
def test_the_order_in_which_fills_are_told_changes_nothing(fills: list[Fill], chance: object) -> None:
    shuffled = list(fills)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pdc(fills, DEC_31, DEC_31) == pdc(shuffled, DEC_31, DEC_31)


@given(fills_of_a_year)
def test_never_more_than_everything_and_never_more_than_was_dispensed(fills: list[Fill]) -> None:
    found = pdc(fills, DEC_31, DEC_31)
    if isinstance(found, Pdc):
        assert 0 < found.share <= 1
        assert found.covered <= sum(fill.days_supply for fill in fills)


@pytest.mark.parametrize(
    ("of", "taken", "counts"),
    [
        ("diabetes", {"diabetes"}, True),
        ("diabetes", {"diabetes", "insulin"}, False),
        ("renin_angiotensin", {"renin_angiotensin", "insulin"}, True),
        ("renin_angiotensin", {"renin_angiotensin", "sacubitril_valsartan"}, False),
        ("statin", {"diabetes"}, False),
        ("other", {"other"}, False),
    ],
)
def test_what_takes_a_patient_out_of_a_measure(of: str, taken: set[str], counts: bool) -> None:
    assert counts_for(of, taken) is counts  # type: ignore[arg-type]
