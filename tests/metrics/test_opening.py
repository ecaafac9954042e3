"""Opening hours on short, long and usual days, and how many are in the store."""

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.opening import (
    EMPTYING,
    Opening,
    Step,
    describe,
    last_opening,
    openings,
    share_left,
    store_occupancy,
)

PARIS = ZoneInfo("Europe/Paris")
SPRING, AUTUMN, USUAL = date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 23)
QUARTER = timedelta(minutes=15)
ALL_DAY = ((time(0), time(0)),)


def at(text: str) -> datetime:
    """A moment of the site."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


def hours(*spans: tuple[int, int]) -> Sequence[tuple[time, time]]:
    return [(time(begin), time(end)) for begin, end in spans]


@pytest.mark.parametrize(("day", "expected"), [(SPRING, 23), (AUTUMN, 25), (USUAL, 24)])
def test_a_day_has_23_24_or_25_hours(day: date, expected: int) -> None:
    (opening,) = openings(day, ALL_DAY, PARIS)
    assert opening.end - opening.start == timedelta(hours=expected)


@pytest.mark.parametrize("start", [SPRING - timedelta(days=2), AUTUMN - timedelta(days=2)])
def test_days_follow_each_other_without_gap_or_overlap_when_the_clocks_change(start: date) -> None:
    spans = [openings(start + timedelta(days=number), ALL_DAY, PARIS)[0] for number in range(5)]
    assert all(before.end == after.start for before, after in itertools.pairwise(spans))


def test_an_hour_that_comes_twice_is_open_both_times() -> None:
    (opening,) = openings(AUTUMN, [(time(1, 30), time(2, 30))], PARIS)
    assert opening.end - opening.start == timedelta(hours=2)
    (begins_in_it,) = openings(AUTUMN, [(time(2, 30), time(4))], PARIS)
    assert begins_in_it.end - begins_in_it.start == timedelta(hours=2, minutes=30)


def test_an_hour_that_is_skipped_is_not_open() -> None:
    (opening,) = openings(SPRING, [(time(1), time(4))], PARIS)
    assert opening.end - opening.start == timedelta(hours=2)


def test_a_bar_is_open_past_midnight_on_the_day_it_opened() -> None:
    spans = {USUAL: hours((18, 2))}
    opening = last_opening(at("2026-11-24 01:00"), lambda day: spans.get(day, ()), PARIS)
    assert opening == Opening(at("2026-11-23 18:00"), at("2026-11-24 02:00"))
    assert share_left(at("2026-11-24 01:59"), opening) == 1.0


def test_each_opening_of_a_day_begins_anew() -> None:
    two = hours((9, 12), (14, 19))
    assert last_opening(at("2026-11-23 08:00"), lambda day: two if day == USUAL else (), PARIS) is None
    for moment, begin in (("2026-11-23 11:00", "09:00"), ("2026-11-23 13:00", "09:00"), ("2026-11-23 20:00", "14:00")):
        opening = last_opening(at(moment), lambda _: two, PARIS)
        assert opening is not None
        assert opening.start == at(f"2026-11-23 {begin}")


def test_a_site_without_hours_begins_anew_at_midnight() -> None:
    opening = last_opening(at("2026-11-23 15:00"), lambda _: None, PARIS)
    assert opening == Opening(at("2026-11-23 00:00"), at("2026-11-24 00:00"))
    assert last_opening(at("2026-11-23 15:00"), lambda _: (), PARIS) is None


OPEN = Opening(at("2026-11-23 09:00"), at("2026-11-23 19:00"))


def step(text: str, net: float) -> Step:
    return Step(at(text), at(text) + QUARTER, net)


def test_what_the_count_got_wrong_yesterday_is_gone_at_opening_time() -> None:
    steps = [step("2026-11-22 12:00", 7), step("2026-11-23 07:00", 3), step("2026-11-23 09:15", 2)]
    assert store_occupancy(at("2026-11-23 10:00"), OPEN, steps) == 2


def test_a_bucket_that_opening_cuts_counts() -> None:
    opening = Opening(at("2026-11-23 09:10"), OPEN.end)
    assert store_occupancy(at("2026-11-23 10:00"), opening, [step("2026-11-23 09:00", 4)]) == 4


def test_the_count_drifts_to_nobody_after_closing() -> None:
    steps = [step("2026-11-23 12:00", 8)]
    shown = [store_occupancy(OPEN.end + EMPTYING * part, OPEN, steps) for part in (0, 0.25, 0.5, 1, 3)]
    assert shown == pytest.approx([8, 6, 4, 0, 0])


def test_before_the_first_opening_nobody_is_inside() -> None:
    assert store_occupancy(at("2026-11-23 08:00"), None, [step("2026-11-23 07:00", 3)]) == 0


@given(st.integers(0, 365), st.integers(0, 23), st.integers(0, 23), st.integers(0, 24 * 60))
def test_a_moment_is_in_the_last_opening_or_after_it(number: int, begin: int, end: int, minutes: int) -> None:
    now = at("2026-01-01 00:00") + timedelta(days=number, minutes=minutes)
    opening = last_opening(now, lambda _: hours((begin, end)), PARIS)
    assert opening is not None
    assert opening.start <= now < opening.start + timedelta(hours=26)
    assert 0.0 <= share_left(now, opening) <= 1.0


def test_hours_in_words() -> None:
    assert describe(None) == ""
    assert describe(()) == "closed all day"
    assert describe(hours((14, 19), (9, 12))) == "open 09:00 to 12:00, 14:00 to 19:00"
