"""On the roster's page: what happens outside monitored hours, in words, and the number patients may call then."""

import html
import re
from typing import Any

import pytest

from tests.flows.clinic import Clinic
from tests.flows.test_reading import count
from tests.web.conftest import Client
from tests.web.test_holidays import WEEKDAYS
from tests.web.test_roster import clinic, coordinator, look, post
from tests.world import World

__all__ = ["clinic", "coordinator"]


async def seen(client: Client) -> str:
    """The words of the section."""
    text = html.unescape(await look(client))
    return " ".join(text.split('id="after-hours-title"')[1].split("</section>")[0].split())


async def test_who_is_paged_what_waits_and_what_patients_are_told(
    coordinator: Client, clinic: Clinic, owner: Any
) -> None:
    assert "No hours are declared" in await seen(coordinator)
    await post(coordinator, clinic, "/hours", **WEEKDAYS)
    text = await seen(coordinator)
    assert "else the stand-in, <strong>Charge</strong>" in text
    assert "high</span> pages at night too: at once: nurse on shift, by text." in text
    assert "medium</span> pages at night too: after 4 hours: nurse on shift" in text
    assert "low</span> waits for a working day: next working day at 09:00: nurse on shift" in text
    assert "Aspen Clinic: your readings are not watched at this hour." in text
    assert "Aspen Clinic: a esta hora nadie mira sus medidas." in text
    assert re.search(r"We look at them again \w+day at 08:00\.", text)
    await owner.execute("UPDATE staff SET phone = NULL WHERE id = $1", clinic.charge)
    assert "no stand-in who can be paged is named" in await seen(coordinator)


async def test_a_teams_own_steps_are_what_is_said(coordinator: Client, clinic: Clinic, owner: Any) -> None:
    await owner.execute(
        """INSERT INTO escalation_step (id, organization_id, team_id, severity, position, after, business_day, channel,
               who, source, author, valid_from)
           VALUES (gen_random_uuid(), $1, $2, 'medium', 0, '0', true, 'sms', '{on_shift}', 'x', 'x', now())""",
        clinic.world.organization, clinic.world.team,
    )  # fmt: skip
    assert "medium</span> waits for a working day" in await seen(coordinator)


async def test_which_programmes_are_watched_round_the_clock(coordinator: Client, clinic: Clinic, owner: Any) -> None:
    await owner.execute("UPDATE programme SET name = 'Nightly'")
    assert "Watched round the clock, so not told: Nightly" in await seen(coordinator)
    await owner.execute("UPDATE programme_version SET valid_to = now()")
    await owner.execute(
        """INSERT INTO programme_version (id, organization_id, programme_id, version, explains, source, author,
               around_the_clock, valid_from)
           SELECT gen_random_uuid(), organization_id, id, 9, 'x', 'x', 'x', false, now() FROM programme"""
    )
    assert "all among these: Nightly." in await seen(coordinator)


async def test_the_number_is_said_to_patients_once_it_is_there(coordinator: Client, clinic: Clinic, owner: Any) -> None:
    assert (await post(coordinator, clinic, "/after-hours", after_hours_phone="(212) 555-0199")).status_code == 303
    assert await owner.fetchval("SELECT after_hours_phone FROM team WHERE id = $1", clinic.world.team) == "+12125550199"
    text = await seen(coordinator)
    assert "For other questions call +1 212-555-0199." in text
    assert "Para otras preguntas llame al +1 212-555-0199." in text
    assert 'value="+1 212-555-0199"' in text
    assert (await post(coordinator, clinic, "/after-hours", after_hours_phone=" ")).status_code == 303
    assert "other questions" not in await seen(coordinator)
    assert await count(owner, "audit", "action = 'team.after_hours_phone'") == 2


async def test_own_words_without_the_number_are_kept_and_the_page_says_so(
    coordinator: Client, clinic: Clinic, owner: Any
) -> None:
    await owner.execute(
        """INSERT INTO wording_version (id, organization_id, name, language, version, body, shipped_version, status,
               drafted_by, author, drafted_at, decided_by, decided_at)
           VALUES (gen_random_uuid(), $1, 'not_monitored_now', 'en', 1001, '{clinic}: our words, {when}', 1, 'approved',
                   gen_random_uuid(), 'A', now(), 'B', now())""",
        clinic.world.organization,
    )  # fmt: skip
    assert "Your own words" not in await seen(coordinator)
    await post(coordinator, clinic, "/after-hours", after_hours_phone="+12125550199")
    text = await seen(coordinator)
    assert "Aspen Clinic: our words" in text
    assert "Your own words in English do not say the number" in text
    assert "Your own words in Spanish" not in text


@pytest.mark.parametrize("typed", ["911", "nobody", "555", "1" * 30])
async def test_what_is_no_number_is_refused_and_shown_as_typed(
    coordinator: Client, clinic: Clinic, owner: Any, typed: str
) -> None:
    refused = await post(coordinator, clinic, "/after-hours", after_hours_phone=typed)
    assert refused.status_code == 422
    assert "is not a telephone number" in refused.text
    assert f'value="{typed}"' in refused.text
    assert await owner.fetchval("SELECT after_hours_phone FROM team WHERE id = $1", clinic.world.team) is None


async def test_another_organizations_team_is_not_there(
    coordinator: Client, clinic: Clinic, owner: Any, other_world: World
) -> None:
    answer = await post(coordinator, clinic, "/after-hours", team=other_world.team, after_hours_phone="+12125550199")
    assert answer.status_code == 404
    assert await owner.fetchval("SELECT count(*) FROM team WHERE after_hours_phone IS NOT NULL") == 0
