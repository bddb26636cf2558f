"""Whatever was refused or held is explained in words."""

import re
from pathlib import Path

import devices
from server.web.careteam.measures import REASONS

NAMED = re.compile(r'(?:Refused\(reason=|Cannot\(|refused\([^()]*, |return )"([a-z]+(?:_[a-z]+)+|malformed|empty)"')


def test_every_reason_a_decoder_gives_has_words_for_staff() -> None:
    formats = Path(devices.__file__).parent / "formats"
    given = {name for path in formats.glob("*.py") for name in NAMED.findall(path.read_text())}
    assert {"not_json", "value_missing", "failed_measurement", "malformed"} <= given
    told_elsewhere = {
        "before_meal",
        "after_meal",
        "body_weight",
        "blood_pressure",
        "open_mhealth",
    }  # names of things, not reasons
    assert sorted(given - set(REASONS) - told_elsewhere) == []
