"""Who is asked for, and what counts, year by year."""

from datetime import date

import pytest

from server.gaps.measures import Evidence, cms125, cms130, influenza


def did(*things: tuple[str, str]) -> list[Evidence]:
    return [Evidence(kind=kind, done_on=date.fromisoformat(day)) for kind, day in things]


@pytest.mark.parametrize(
    ("born", "sex", "inside"),
    [
        ("1984-12-31", "female", True), ("1985-01-01", "female", False), ("1952-01-01", "female", True),
        ("1951-12-31", "female", False), ("1970-06-01", "male", False), ("1970-06-01", "unknown", False),
    ],
)  # fmt: skip
def test_breast_cancer_screening_asks_women_of_42_to_74(born: str, sex: str, inside: bool) -> None:
    assert cms125.evaluate(date.fromisoformat(born), sex, [], 2026).in_population is inside


@pytest.mark.parametrize(
    ("day", "met"), [("2024-09-30", False), ("2024-10-01", True), ("2026-12-31", True), ("2027-01-01", False)]
)
def test_a_mammogram_counts_from_october_two_years_before(day: str, met: bool) -> None:
    assert cms125.evaluate(date(1970, 6, 1), "female", did(("mammogram", day)), 2026).met is met


def test_a_woman_without_breasts_is_not_asked() -> None:
    assert not cms125.evaluate(
        date(1970, 6, 1), "female", did(("mastectomy_bilateral", "2019-05-01")), 2026
    ).in_population
    assert cms125.evaluate(date(1970, 6, 1), "female", did(("mastectomy_bilateral", "2027-05-01")), 2026).in_population


def test_the_last_mammogram_is_told_even_when_it_is_too_old() -> None:
    status = cms125.evaluate(
        date(1970, 6, 1), "female", did(("mammogram", "2019-05-01"), ("mammogram", "2021-05-01")), 2026
    )
    assert (status.met, status.last_done_on) == (False, date(2021, 5, 1))


@pytest.mark.parametrize(
    ("born", "inside"), [("1980-12-31", True), ("1981-01-01", False), ("1951-01-01", True), ("1950-12-31", False)]
)
def test_colorectal_screening_asks_people_of_46_to_75(born: str, inside: bool) -> None:
    assert cms130.evaluate(date.fromisoformat(born), "male", [], 2026).in_population is inside


@pytest.mark.parametrize(
    ("kind", "first_day", "day_before"),
    [
        ("fobt", "2026-01-01", "2025-12-31"), ("stool_dna", "2024-01-01", "2023-12-31"),
        ("sigmoidoscopy", "2022-01-01", "2021-12-31"), ("ct_colonography", "2022-01-01", "2021-12-31"),
        ("colonoscopy", "2017-01-01", "2016-12-31"),
    ],
)  # fmt: skip
def test_each_colorectal_test_counts_for_its_own_time(kind: str, first_day: str, day_before: str) -> None:
    assert cms130.evaluate(date(1965, 1, 1), "male", did((kind, first_day)), 2026).met
    assert not cms130.evaluate(date(1965, 1, 1), "male", did((kind, day_before)), 2026).met
    assert not cms130.evaluate(date(1965, 1, 1), "male", did((kind, "2027-01-01")), 2026).met


def test_the_test_that_counts_is_told_before_a_newer_one_that_does_not() -> None:
    status = cms130.evaluate(date(1965, 1, 1), "male", did(("colonoscopy", "2020-03-03"), ("fobt", "2024-04-04")), 2026)
    assert (status.met, status.last_done_on) == (True, date(2020, 3, 3))


@pytest.mark.parametrize("kind", ["colectomy_total", "colorectal_cancer"])
def test_who_has_no_colon_or_had_its_cancer_is_not_asked(kind: str) -> None:
    assert not cms130.evaluate(date(1965, 1, 1), "male", did((kind, "2011-01-01")), 2026).in_population


@pytest.mark.parametrize(
    ("today", "starts", "ends"),
    [
        ("2026-08-31", "2025-09-01", "2026-03-31"), ("2026-09-01", "2026-09-01", "2027-03-31"),
        ("2027-01-15", "2026-09-01", "2027-03-31"), ("2027-06-30", "2026-09-01", "2027-03-31"),
    ],
)  # fmt: skip
def test_influenza_is_asked_for_from_september_to_march(today: str, starts: str, ends: str) -> None:
    found = influenza.season(date.fromisoformat(today))
    assert found == (date.fromisoformat(starts), date.fromisoformat(ends))


@pytest.mark.parametrize(
    ("day", "met"), [("2026-06-30", False), ("2026-07-01", True), ("2027-06-30", True), ("2027-07-01", False)]
)
def test_a_vaccination_counts_for_its_season(day: str, met: bool) -> None:
    assert influenza.evaluate(date(1970, 6, 1), "male", did(("influenza_vaccination", day)), 2026).met is met


@pytest.mark.parametrize(("born", "inside"), [("2007-07-01", True), ("2007-07-02", False), ("1920-01-01", True)])
def test_influenza_vaccination_is_for_adults_of_any_age(born: str, inside: bool) -> None:
    assert influenza.evaluate(date.fromisoformat(born), "male", [], 2026).in_population is inside


def test_whom_an_influenza_vaccine_nearly_killed_is_not_asked() -> None:
    harmed = did(("influenza_vaccine_anaphylaxis", "2019-10-02"))
    assert not influenza.evaluate(date(1970, 6, 1), "male", harmed, 2026).in_population
