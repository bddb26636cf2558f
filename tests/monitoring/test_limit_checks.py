"""What a patient's own limits may be: pure, on levels made by hand."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from server.db.ids import uuid7
from server.monitoring import limit_checks
from server.monitoring.own_limits import Level, Own

RULE = uuid7()
SINCE = datetime(2026, 11, 22, tzinfo=UTC)
BOUNDS = {"weight_kg": (Decimal(2), Decimal(400))}
LEVEL = Level(
    rule_id=RULE, rule_version_id=RULE, code="weight_high", rule="Weight", vital="weight", kind="crossing",
    metric="weight_kg", side="above", severity="high", general=Decimal(90), whose="", own=None,
)  # fmt: skip


def level(**changes: Any) -> Level:
    return msgspec.structs.replace(LEVEL, **changes)


def own(value: int) -> Own:
    return Own(
        value=Decimal(value), author_name="x", reason="x", valid_from=SINCE, ends_at=None, locked=False, change_id=None
    )


def says(levels: list[Level], values: dict[Any, Any]) -> list[str]:
    return limit_checks.problems(levels, RULE, values, BOUNDS)


def test_a_high_level_that_only_an_own_value_sets_is_not_switched_off() -> None:
    alone = [level(general=None, own=own(85))]
    assert says(alone, {LEVEL.key: None}) == ["A high limit can be moved, never switched off."]
    assert says([level(own=own(85))], {LEVEL.key: None}) == []
    beside = [*alone, level(side="at_or_above", general=Decimal(95))]
    assert says(beside, {LEVEL.key: None}) == []
    assert says([level(severity="medium", general=None, own=own(85))], {("weight_kg", "above", "medium"): None}) == []


def test_a_level_over_a_series_crosses_no_other_rule() -> None:
    low = level(rule_id=uuid7(), side="below", severity="medium", general=Decimal(80))
    assert says([level(kind="average"), low], {LEVEL.key: Decimal(70)}) == []
    assert "every lower one (80)" in says([LEVEL, low], {LEVEL.key: Decimal(70)})[0]


def test_laxer_is_counted_from_the_programmes_limit_not_from_the_own_one() -> None:
    one = level(own=own(70))
    assert not limit_checks.laxer([one], RULE, {LEVEL.key: Decimal(90)})
    assert limit_checks.laxer([one], RULE, {LEVEL.key: Decimal("90.1")})
    assert not limit_checks.laxer([level(general=None)], RULE, {LEVEL.key: Decimal(400)})
    assert not limit_checks.laxer([one], RULE, {LEVEL.key: None})
