"""A change of a rule is drafted, approved by a second person and then holds; everything wrong is said at once."""

import asyncio
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from server.db.pool import Database
from server.errors import CareloopError, Conflict, NotFound, Refused
from server.flows import change_rule, shipped_rules
from server.flows.change_rule import Proposal
from server.monitoring import limits, programme_book, rule_book, rule_checks, rule_drafts
from server.monitoring.parameters import Average, Count, Flagged, Missing, Parameters, Span, Sustained, Trend
from server.monitoring.programme_book import Programme
from server.monitoring.rule_book import Rule
from server.monitoring.rule_checks import Known, ManyWrong
from server.monitoring.rule_content import Expected, Level, RuleContent
from server.security.sessions import Person
from tests.flows.test_reading import count
from tests.web.people import staff_login
from tests.world import World

NOW = datetime.now(UTC)
HIGH = "at_or_above"


async def person_of(owner: Any, world: World, role: str) -> Person:
    _, staff = await staff_login(owner, world, role, name=f"{role} {uuid.uuid4().hex[:4]}")
    name = await owner.fetchval("SELECT name FROM staff WHERE id = $1", staff)
    return Person(
        organization=world.organization, organization_name="Aspen", state="live", zone="America/New_York", demo=False,
        account_id=uuid.uuid4(), name=name, role=role, staff_id=staff,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
async def nurse(owner: Any, world: World) -> Person:
    return await person_of(owner, world, "nurse")


@pytest.fixture
async def clinician(owner: Any, world: World) -> Person:
    return await person_of(owner, world, "clinician")


async def rule_of(web_db: Database, person: Person, rule_id: uuid.UUID) -> Rule:
    async with web_db.transaction(person.who) as db:
        found = await rule_book.get(db, rule_id)
    assert found is not None
    return found


def moved(rule: Rule, metric: str, severity: str, value: str) -> RuleContent:
    """What is in force with one number changed."""
    assert rule.content is not None
    levels = tuple(
        msgspec.structs.replace(x, value=Decimal(value)) if (x.metric, x.severity) == (metric, severity) else x
        for x in rule.content.levels
    )
    return msgspec.structs.replace(rule.content, levels=levels)


async def drafted(
    web_db: Database, person: Person, rule_id: uuid.UUID, value: str = "170", *, compared: bool = True,
    owner: Any = None,
) -> uuid.UUID:  # fmt: skip
    """A draft with another systolic level; compared, as if a worker had done it."""
    rule = await rule_of(web_db, person, rule_id)
    assert rule.current is not None
    content = moved(rule, "systolic_mmhg", "high", value)
    made = await change_rule.draft(
        web_db, person, "rule", rule_id, Proposal(content=content, reason="Too late.", base=rule.current.id), NOW
    )
    if compared:
        await owner.execute("UPDATE rule_draft SET compared_at = now() WHERE id = $1", made)
    return made


async def applied(web_db: Database, person: Person, world: World) -> set[Decimal]:
    """The systolic high limits that judge the patient now."""
    async with web_db.transaction(person.who) as db:
        found = await limits.of_patients(db, [world.patient], datetime.now(UTC))
    return {x.value for x in found[world.patient] if (x.metric, x.severity) == ("systolic_mmhg", "high")}


async def test_a_draft_changes_nothing_until_a_second_person_approves_it(
    web_db: Database, owner: Any, world: World, nurse: Person, clinician: Person
) -> None:
    rule = world.rules["bp_high"]
    made = await drafted(web_db, nurse, rule, owner=owner)
    assert await applied(web_db, nurse, world) == {Decimal(180)}
    at = datetime.now(UTC)
    await change_rule.approve(web_db, clinician, made, at)
    assert await applied(web_db, nurse, world) == {Decimal(170)}
    old, new = await owner.fetch("SELECT * FROM rule_version WHERE rule_id = $1 ORDER BY version", rule)
    assert (old["valid_to"], new["valid_from"], new["valid_to"]) == (at, at, None)
    assert (new["version"], new["author"], new["approved_by"], new["approved_at"]) == (
        2, f"{nurse.name}, nurse", f"{clinician.name}, clinician", at,
    )  # fmt: skip
    assert new["proved_at"] is None
    row = await owner.fetchrow("SELECT state, decided_by, version_id FROM rule_draft")
    assert tuple(row) == ("approved", clinician.staff_id, new["id"])
    audited = await owner.fetch("SELECT action, principal, allowed FROM audit ORDER BY at, id")
    assert [tuple(x) for x in audited] == [
        ("rule_draft.write", nurse.principal, True),
        ("rule_draft.approve", clinician.principal, True),
    ]


async def test_nobody_approves_their_own_and_only_clinician_or_admin_approve(
    web_db: Database, owner: Any, world: World, nurse: Person, clinician: Person
) -> None:
    made = await drafted(web_db, clinician, world.rules["bp_high"], owner=owner)
    with pytest.raises(Refused, match="second person"):
        await change_rule.approve(web_db, clinician, made, NOW)
    for role in ("nurse", "coordinator", "quality"):
        with pytest.raises(Refused, match="clinician or an administrator"):
            await change_rule.approve(web_db, await person_of(owner, world, role), made, NOW)
    assert await count(owner, "rule_version", "version = 2") == 0
    await change_rule.approve(web_db, await person_of(owner, world, "admin"), made, NOW)
    assert await count(owner, "rule_version", "version = 2") == 1


async def test_the_database_too_refuses_an_approval_by_the_author(
    web_db: Database, owner: Any, world: World, clinician: Person
) -> None:
    import asyncpg

    made = await drafted(web_db, clinician, world.rules["bp_high"], owner=owner)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(
            "UPDATE rule_draft SET state = 'approved', decided_by = drafted_by, decided_at = now(), version_id = $2"
            " WHERE id = $1", made, world.versions["bp_high"],
        )  # fmt: skip


async def test_it_is_compared_before_it_is_approved(
    web_db: Database, owner: Any, world: World, nurse: Person, clinician: Person
) -> None:
    made = await drafted(web_db, nurse, world.rules["bp_high"], compared=False)
    with pytest.raises(Conflict, match="compared"):
        await change_rule.approve(web_db, clinician, made, NOW)


async def test_of_two_drafts_of_one_version_the_second_is_taken_over_first(
    web_db: Database, owner: Any, world: World, nurse: Person, clinician: Person
) -> None:
    rule = world.rules["bp_high"]
    first, second = [await drafted(web_db, nurse, rule, value, owner=owner) for value in ("170", "175")]
    admin = await person_of(owner, world, "admin")
    done = await asyncio.gather(
        change_rule.approve(web_db, clinician, first, NOW), change_rule.approve(web_db, admin, second, NOW),
        return_exceptions=True,
    )  # fmt: skip
    lost = [str(one) for one in done if isinstance(one, Conflict)]
    print(f"{len(lost)} of {len(done)} approvals lost the race")
    assert len(lost) == 1
    assert "meanwhile" in lost[0]
    assert await count(owner, "rule_version", f"rule_id = '{rule}' AND valid_to IS NULL") == 1
    assert await count(owner, "rule_version", f"rule_id = '{rule}'") == 2
    left = first if isinstance(done[0], Conflict) else second
    over = await change_rule.rebase(web_db, clinician, left, NOW)
    async with web_db.transaction(nurse.who) as db:
        old, new = await rule_drafts.get(db, left), await rule_drafts.get(db, over)
    assert old is not None and new is not None
    assert (old.state, new.state, new.is_current_base, new.content) == ("superseded", "draft", True, old.content)
    assert new.drafted_by == nurse.staff_id, "whoever only takes it over may still approve it"
    assert new.compared_at is None
    await owner.execute("UPDATE rule_draft SET compared_at = now() WHERE id = $1", over)
    await change_rule.approve(web_db, clinician, over, NOW)
    assert await count(owner, "rule_version", f"rule_id = '{rule}'") == 3


async def test_a_draft_is_decided_about_once(
    web_db: Database, owner: Any, world: World, nurse: Person, clinician: Person
) -> None:
    made = await drafted(web_db, nurse, world.rules["bp_high"], owner=owner)
    with pytest.raises(CareloopError, match="Say why not"):
        await change_rule.reject(web_db, clinician, made, " ", NOW)
    await change_rule.reject(web_db, clinician, made, "Too strict for our patients.", NOW)
    for late in (
        change_rule.approve(web_db, clinician, made, NOW),
        change_rule.withdraw(web_db, nurse, made, NOW),
        change_rule.rebase(web_db, nurse, made, NOW),
    ):
        with pytest.raises(Conflict):
            await late
    row = await owner.fetchrow("SELECT state, decision FROM rule_draft")
    assert tuple(row) == ("rejected", "Too strict for our patients.")
    other = await drafted(web_db, nurse, world.rules["bp_high"], owner=owner)
    with pytest.raises(Refused):
        await change_rule.withdraw(web_db, clinician, other, NOW)
    await change_rule.withdraw(web_db, nurse, other, NOW)
    assert await count(owner, "rule_version", "version > 1") == 0


async def test_of_three_people_who_decide_at_the_same_moment_one_does(
    web_db: Database, owner: Any, world: World, nurse: Person, clinician: Person
) -> None:
    admin = await person_of(owner, world, "admin")
    lost = 0
    for _ in range(5):
        made = await drafted(web_db, nurse, world.rules["bp_high"], str(lost + 100), owner=owner)
        done = await asyncio.gather(
            change_rule.reject(web_db, admin, made, "No.", NOW), change_rule.reject(web_db, clinician, made, "No.", NOW),
            change_rule.withdraw(web_db, nurse, made, NOW), return_exceptions=True,
        )  # fmt: skip
        lost += sum(isinstance(one, Conflict) for one in done)
    print(f"{lost} of 15 decisions came too late")
    assert lost == 10
    assert await count(owner, "audit", "action ~ 'reject|withdraw'") == 5


async def test_undo_is_a_draft_of_the_older_version(
    web_db: Database, owner: Any, world: World, nurse: Person, clinician: Person
) -> None:
    rule = world.rules["bp_high"]
    made = await drafted(web_db, nurse, rule, owner=owner)
    await change_rule.approve(web_db, clinician, made, NOW)
    undo = await change_rule.again(web_db, clinician, "rule", rule, world.versions["bp_high"], NOW)
    await owner.execute("UPDATE rule_draft SET compared_at = now() WHERE id = $1", undo)
    await change_rule.approve(web_db, await person_of(owner, world, "admin"), undo, NOW)
    assert await applied(web_db, nurse, world) == {Decimal(180)}
    found = await rule_of(web_db, nurse, rule)
    assert [one.version for one in found.versions] == [3, 2, 1]
    assert found.versions[0].content == found.versions[2].content


async def test_a_shipped_default_is_signed_off_once_as_it_stands(
    web_db: Database, owner: Any, world: World, nurse: Person, clinician: Person
) -> None:
    rule, version = world.rules["glucose_low"], world.versions["glucose_low"]
    with pytest.raises(Refused):
        await change_rule.sign_off(web_db, nurse, "rule", rule, version, NOW)
    await change_rule.sign_off(web_db, clinician, "rule", rule, version, NOW)
    with pytest.raises(Conflict):
        await change_rule.sign_off(web_db, clinician, "rule", rule, version, NOW)
    row = await owner.fetchrow("SELECT version, approved_by, valid_to FROM rule_version WHERE id = $1", version)
    assert tuple(row) == (1, f"{clinician.name}, clinician", None)
    assert await count(owner, "audit", "action = 'rule.sign_off'") == 1


async def test_another_organizations_rule_is_not_there(
    web_db: Database, other_world: World, nurse: Person, clinician: Person
) -> None:
    theirs = other_world.rules["bp_high"]
    for asked in (
        change_rule.again(web_db, nurse, "rule", theirs, other_world.versions["bp_high"], NOW),
        change_rule.sign_off(web_db, clinician, "rule", theirs, other_world.versions["bp_high"], NOW),
        change_rule.approve(web_db, clinician, uuid.uuid4(), NOW),
    ):
        with pytest.raises(NotFound):
            await asked


def level(severity: str, value: str | None, side: str = HIGH, metric: str = "systolic_mmhg", **more: Any) -> Level:
    number = Decimal(value) if value else None
    return Level(metric=metric, side=side, severity=severity, value=number, **more)  # type: ignore[arg-type]


GENERAL = uuid.uuid4()
BASE = RuleContent(explains="x", source="y", levels=(level("high", "180"),), programmes=(GENERAL,))
LOW = Level(metric="systolic_mmhg", side="below", severity="medium", value=Decimal(90))


def wrong(content: Any, **known: Any) -> list[str]:
    given = {"base": BASE, "others": [LOW], "ranges": change_rule.RANGES, "reason": "w", "flags": change_rule.FLAGS,
             "vitals": ("blood_pressure",)}  # fmt: skip
    try:
        rule_checks.check(content, Known(**given | known))
    except ManyWrong as error:
        return error.problems
    return []


def of(*levels: Level, **more: Any) -> RuleContent:
    return msgspec.structs.replace(BASE, levels=levels, **more)


WITH_PARAMETERS = {"base": None, "others": []}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (of(level("high", "170")), None),
        (of(level("high", "180"), level("medium", "160")), None),
        (of(level("high", "160"), level("medium", "160")), "must lie above the medium"),
        (of(level("high", "160"), level("medium", "159.9")), None),
        (of(level("high", "160"), level("medium", "170")), "must lie above the medium"),
        (of(level("high", "180"), level("high", "70", "below"), level("medium", "60", "below")), "must lie below the medium"),
        (of(level("high", "180"), level("high", "50", "below"), level("medium", "60", "below")), None),
        (of(level("high", "300")), None),
        (of(level("high", "300.1")), "not a possible Systolic: 50 to 300"),
        (of(level("high", "49")), "not a possible Systolic"),
        (of(level("high", "90")), "90 is too high while 90 is too low"),
        (of(level("high", "90.1")), None),
        (of(level("high", "180"), level("high", "181")), "There are two high levels"),
        (of(level("medium", "180")), "There was a high level and now there is none"),
        (of(), "Without any level the rule judges nothing"),
        (of(level("high", "170"), explains=" ".strip()), "The text is empty"),
        (of(level("high", "170"), source=""), "The source is empty"),
        (of(level("high", "170"), programmes=()), "belongs to no programme"),
        (of(level("high", "180"), level("medium", None, programme=GENERAL)), "has no patient's own"),
        (BASE, "Nothing is different"),
    ],
)  # fmt: skip
def test_each_mistake_in_a_rule_is_named(content: RuleContent, says: str | None) -> None:
    found = wrong(content)
    assert (not found) if says is None else any(says in one for one in found), found


def test_everything_wrong_is_said_at_once() -> None:
    content = of(level("medium", "400"), explains="", source="")
    found = wrong(content, reason=" ", unreadable=["“12o” is not a number."])
    assert len(found) == 6, found
    assert found[-1].startswith("Say why") or "Say why" in " ".join(found)


def test_only_a_clinician_gives_up_the_high_level() -> None:
    content = of(level("medium", "180"))
    assert wrong(content, gives_up_high=True, clinician=True) == []
    assert "ask a clinician" in wrong(content, gives_up_high=True)[0]
    assert "tick that" in wrong(content, clinician=True)[0]


@pytest.mark.parametrize(
    ("parameters", "right"),
    [
        (Average(), True),
        (Average(at_least_days=8), False),
        (Average(every_weeks=0), False),
        (Count(at_least=10, days=14), True),
        (Count(at_least=1, days=14), False),
        (Count(at_least=10, days=91), False),
        (Sustained(days=1), False),
        (Trend(spans=(Span(days=1, gain=Decimal("1.36")),)), True),
        (Trend(spans=()), False),
        (Trend(spans=(Span(days=1, gain=Decimal(0)),)), False),
        (Trend(spans=(Span(days=1, gain=Decimal(1)), Span(days=1, gain=Decimal(2)))), False),
        (Flagged(flag="irregular_pulse"), True),
        (Flagged(flag="mood"), False),
        (Missing(windows=4), True),
        (Missing(windows=0), False),
    ],
)
def test_what_a_rule_over_a_series_asks_for_has_its_bounds(parameters: Parameters, right: bool) -> None:
    levels = () if hasattr(parameters, "severity") else (level("low", "135"),)
    content = msgspec.structs.replace(BASE, levels=levels, parameters=parameters)
    assert (wrong(content, **WITH_PARAMETERS) == []) is right


async def test_a_programme_is_changed_the_same_way(
    web_db: Database, owner: Any, world: World, nurse: Person, clinician: Person
) -> None:
    async def now_is() -> Programme:
        async with web_db.transaction(nurse.who) as db:
            found = await programme_book.get(db, world.programme)
        assert found is not None
        return found

    begun = await change_rule_programme(web_db, nurse, await now_is(), "24:00", 5)
    await change_rule.approve(web_db, clinician, begun, NOW)
    first = (await now_is()).current
    assert first is not None
    assert (first.version, first.approved_by) == (1, f"{clinician.name}, clinician")
    with pytest.raises(ManyWrong, match="ends after it begins"):
        await change_rule_programme(web_db, nurse, await now_is(), "04:00", 5)
    with pytest.raises(ManyWrong, match="between 0 and 10"):
        await change_rule_programme(web_db, nurse, await now_is(), "22:00", 11)
    second = await change_rule_programme(web_db, nurse, await now_is(), "22:00", 0)
    await change_rule.approve(web_db, clinician, second, NOW)
    found = await now_is()
    assert [(one.version, one.valid_to is None) for one in found.versions] == [(2, True), (1, False)]
    assert found.content is not None
    assert found.content.expected[0].closes == "22:00"


async def change_rule_programme(
    web_db: Database, person: Person, programme: Programme, closes: str, waits: int
) -> uuid.UUID:
    from server.monitoring import rule_content

    content = rule_content.programme(
        "Measure each morning.", "tests", around_the_clock=False, page_waits_minutes=waits,
        expected=[Expected(vital="blood_pressure", opens="05:00", closes=closes, weekdays=(0, 1, 2))],
    )  # fmt: skip
    base = programme.current.id if programme.current else None
    proposal = Proposal(content=content, reason="Because.", base=base)
    return await change_rule.draft(web_db, person, "programme", programme.id, proposal, NOW)


async def test_what_careloop_ships_and_the_clinic_lacks_is_drafted_once_and_judges_when_approved(
    web_db: Database, owner: Any, world: World, nurse: Person, clinician: Person
) -> None:
    async with web_db.transaction(nurse.who) as db:
        before = {one.key: one for one in await shipped_rules.differing(db, world.organization)}
    assert before["rule:temperature_high"].state == "missing"
    assert before["rule:bp_high"].state == "newer"
    keys = {"rule:bp_high", "rule:temperature_high", "programme:pregnancy"}
    assert await shipped_rules.bring(web_db, nurse, keys, NOW) == 3
    assert await shipped_rules.bring(web_db, nurse, keys, NOW) == 0
    assert await applied(web_db, nurse, world) == {Decimal(180)}
    async with web_db.transaction(nurse.who) as db:
        left = {one.key for one in await shipped_rules.differing(db, world.organization)}
        waiting = await rule_drafts.waiting(db)
    assert not left & keys
    await owner.execute("UPDATE rule_draft SET compared_at = now()")
    for one in waiting:
        if one.name != "High blood pressure in pregnancy, and six weeks after":
            await change_rule.approve(web_db, clinician, one.id, NOW)
        else:
            await change_rule.reject(web_db, clinician, one.id, "No obstetrics here.", NOW)
    async with web_db.transaction(nurse.who) as db:
        after = {one.key for one in await shipped_rules.differing(db, world.organization)}
    assert not after & keys, "what was rejected is not offered again"
    bp = await rule_of(web_db, nurse, world.rules["bp_high"])
    assert bp.current is not None and bp.content is not None
    assert bp.current.author == "Careloop"
    assert any(one.programme is not None and one.value == 160 for one in bp.content.levels)
    fever = await owner.fetchval("SELECT id FROM rule WHERE code = 'temperature_high'")
    assert (await rule_of(web_db, nurse, fever)).current is not None
