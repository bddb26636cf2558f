"""A mean says what it stands on, and below three readings it is no number."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.monitoring import usual
from server.monitoring.series import Reading
from server.web.careteam import sparkline

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def bp(hours_before: float, systolic: float, diastolic: float, **more: Any) -> Reading:
    at = AT - hours_before * HOUR
    return Reading(
        id=uuid.uuid4(), kind="blood_pressure", measured_at=at, local_date=at.date(), systolic_mmhg=systolic,
        diastolic_mmhg=diastolic, **more,
    )  # fmt: skip


@pytest.mark.parametrize(("count", "values"), [(0, None), (2, None), (3, (130.0, 80.0))])
def test_below_three_readings_there_is_no_number(count: int, values: tuple[float, ...] | None) -> None:
    found = usual.before([bp(n + 1, 130, 80) for n in range(count)], "diastolic_mmhg", AT)
    assert (found.count, found.values) == (count, values)


def test_only_the_seven_days_before_count_and_only_what_a_device_measured_as_usual() -> None:
    counted = [bp(1, 120, 70), bp(24, 130, 80), bp(168, 140, 90)]
    left_out = [
        bp(0, 200, 120), bp(-1, 200, 120), bp(168.01, 200, 120), bp(2, 200, 120, source="typed"),
        bp(3, 200, 120, flags=("outlier",)),
    ]  # fmt: skip
    found = usual.before([*counted, *left_out], "systolic_mmhg", AT)
    assert (found.count, found.values) == (3, (130.0, 80.0))


def test_what_is_no_number_has_no_average() -> None:
    assert usual.before([bp(n, 130, 80) for n in (1, 2, 3)], "irregular_pulse", AT).metrics == ()


def test_the_picture_holds_every_dot_and_the_limit_inside_its_box() -> None:
    rows = [bp(n * 24, 120 + n, 70 + n) for n in range(12)]
    drawn = sparkline.draw(rows, "systolic_mmhg", [180.0, 120.0], {rows[0].id}, AT - 14 * 24 * HOUR, AT)
    assert drawn is not None
    dots = [dot for line in drawn.lines for dot in line]
    assert (len(drawn.lines), len(dots), sum(dot.chosen for dot in dots)) == (2, 24, 2)
    assert all(drawn.left <= dot.x <= drawn.right and 0 <= dot.y <= drawn.bottom for dot in dots)
    assert all(0 <= mark.at <= drawn.bottom for mark in drawn.limits)
    assert drawn.limits[0].at > drawn.limits[1].at, "higher numbers stand higher"
    assert sparkline.draw(rows[:1], "systolic_mmhg", [], set(), AT - 14 * 24 * HOUR, AT) is None
