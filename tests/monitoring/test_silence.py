"""Which silence is spoken of, and in which words: pure, as tables."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from server.monitoring import silence
from server.monitoring.silence import Silent, Spoken, Standing

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
        ([silent("cuff")], ["cuff"]),
        ([silent("cuff", "hub")], ["cuff"]),
        (
            [silent("cuff", "hub"), silent("scale", "hub"), silent("hub")],
            ["cuff behind hub", "scale behind hub", "hub before 2"],
        ),
        (
            [silent("cuff", "hub"), silent("scale", "other hub"), silent("hub")],
            ["cuff behind hub", "scale", "hub before 1"],
        ),
        ([silent("cuff", resting=True)], []),
        ([silent("cuff", "hub", resting=True), silent("hub")], ["hub before 1"]),
        ([silent("cuff", "hub"), silent("hub", resting=True)], []),
        ([], []),
    ],
)
def test_each_silent_device_is_spoken_of_and_a_silent_hub_stands_before_its_own(
    unheard: list[Silent], spoken_of: list[str]
) -> None:
    assert [_in_short(one) for one in silence.spoken_of(unheard)] == spoken_of


def _in_short(one: Spoken) -> str:
    behind = f" behind {one.silent.hub_id}" if one.is_behind else ""
    return one.silent.device_id + behind + (f" before {one.behind_it}" if one.behind_it else "")


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
    spoken = Spoken(silent=one, behind_it=hides)
    says = silence.says(spoken, NOW)
    assert words in says
    assert "Call the patient" in says
    assert silence.says(spoken, NOW + timedelta(minutes=5)) == says


def test_behind_a_silent_hub_the_words_lead_to_the_hub() -> None:
    says = silence.says(Spoken(silent=silent("cuff", "hub-7", heard=49), is_behind=True), NOW)
    assert says == (
        "This device has sent nothing for 2 days. Its hub hub-7 is silent too: see that alarm first. "
        "It closes by itself when something comes."
    )


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
