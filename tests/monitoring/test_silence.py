"""Which silence is spoken of, and in which words: pure, as tables."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from server.monitoring import silence
from server.monitoring.silence import Silent, Standing

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
ORGANIZATION = uuid.UUID(int=1)


def silent(
    name: str, hub: str | None = None, *, heard: float | None = 50, lent: float = 900, resting: bool = False
) -> Silent:
    """`heard` and `lent` in hours ago."""
    return Silent(
        device_id=name, organization_id=ORGANIZATION, hub_id=hub, after_hours=48, resting=resting,
        heard_at=None if heard is None else NOW - timedelta(hours=heard), lent_at=NOW - timedelta(hours=lent),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("unheard", "spoken_of"),
    [
        ([silent("cuff")], [("cuff", 0)]),
        ([silent("cuff", "hub")], [("cuff", 0)]),
        ([silent("cuff", "hub"), silent("scale", "hub"), silent("hub")], [("hub", 2)]),
        ([silent("cuff", "hub"), silent("scale", "other hub"), silent("hub")], [("scale", 0), ("hub", 1)]),
        ([silent("cuff", resting=True)], []),
        ([silent("cuff", "hub"), silent("hub", resting=True)], []),
        ([], []),
    ],
)
def test_a_silent_hub_speaks_for_its_devices(unheard: list[Silent], spoken_of: list[tuple[str, int]]) -> None:
    assert [(one.device_id, hides) for one, hides in silence.shown(unheard)] == spoken_of


@pytest.mark.parametrize(
    ("one", "hides", "words"),
    [
        (silent("a", heard=49), 0, "This device has sent nothing for 2 days."),
        (silent("a", heard=47.9), 0, "This device has sent nothing for 47 hours."),
        (silent("a", heard=None, lent=73), 0, "This device was lent 3 days ago and has sent nothing since."),
        (silent("a", heard=900, lent=50), 0, "This device was lent 2 days ago and has sent nothing since."),
        (silent("a"), 1, "1 device that speaks through it is silent too."),
        (silent("a"), 3, "This hub has sent nothing for 2 days. 3 devices that speak through it are silent too."),
    ],
)
def test_the_words_say_which_since_when_and_what_to_do(one: Silent, hides: int, words: str) -> None:
    says = silence.says(one, hides, NOW)
    assert words in says
    assert "Call the patient" in says
    assert silence.says(one, hides, NOW + timedelta(minutes=5)) == says


@pytest.mark.parametrize(
    ("heard", "still"),
    [({}, True), ({"a": 60.0}, True), ({"a": 47.0}, False), ({"b": 1.0}, True)],
)
def test_what_was_heard_through_its_hub_is_not_silent(heard: dict[str, float], still: bool) -> None:
    at = {name: NOW - timedelta(hours=ago) for name, ago in heard.items()}
    for one in (silent("a", "hub"), silent("a", "hub", heard=None)):
        assert bool(silence.still_silent([one], at, NOW)) is still


@pytest.mark.parametrize(
    ("name", "itself", "why"),
    [("cuff", False, "hub"), ("scale", False, "heard"), ("x", True, "heard"), ("x", False, "unwatched")],
)
def test_why_an_alarm_ends(name: str, itself: bool, why: str) -> None:
    one = Standing(organization_id=ORGANIZATION, device_id=name, heard=itself)
    assert silence.over(one, {"cuff"}, {"scale"}) == why
