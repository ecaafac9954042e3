"""Today beside the day a week ago: the same time of day, and no more said than the numbers allow."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.web.counts import Count, add_up
from appliance.web.day import Day, day_of
from appliance.web.last_week import a_week_before, compare, look_back

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
DAY = day_of(NOW, PARIS)
WEEK = timedelta(days=7)


def crossing(
    start: datetime, value: float, mode: str = "off", variance: float = 0.0, direction: str = "in", line: str = "door"
) -> Count:
    return Count(start, "entrance", "crossings", line, "person", direction, value, mode, variance)


def sentence(*counts: Count, now: datetime = NOW, k: int = 5) -> str:
    today = [each for each in counts if each.start >= DAY.start]
    before = [each for each in counts if each.start < DAY.start]
    return compare(add_up(DAY, now, today, k), look_back(DAY, now, before, k), "in")


def test_more_and_fewer_are_told_in_percent_up_to_the_same_time_of_day() -> None:
    later = crossing(NOW - WEEK + timedelta(hours=1), 500)
    before = crossing(NOW - WEEK - timedelta(hours=1), 100)
    assert (
        sentence(before, later, crossing(NOW - timedelta(hours=2), 130))
        == "30\N{NO-BREAK SPACE}% more than last Monday by 13:30 (100)"
    )
    assert sentence(before, crossing(NOW - timedelta(hours=2), 80)).startswith("20\N{NO-BREAK SPACE}% fewer than last")


def test_a_bucket_that_the_time_cuts_counts_in_part() -> None:
    begun = crossing(NOW - WEEK - timedelta(minutes=5), 90)
    assert look_back(DAY, NOW, [begun], 5).so_far.people("in").value == pytest.approx(30)
    assert look_back(DAY, NOW, [begun], 5).whole.people("in").value == 90


def test_a_difference_within_the_error_is_none() -> None:
    noisy = crossing(NOW - WEEK - timedelta(hours=1), 100, "differential", 200.0)
    assert sentence(noisy, crossing(NOW - timedelta(hours=1), 115)) == "about as many as last Monday by 13:30 (100)"
    assert "40\N{NO-BREAK SPACE}% more" in sentence(noisy, crossing(NOW - timedelta(hours=1), 140))


def test_withheld_numbers_are_not_compared() -> None:
    small = crossing(NOW - WEEK - timedelta(hours=3), 4, "threshold")
    assert sentence(small, crossing(NOW - timedelta(hours=3), 50, "threshold")) == "last Monday by 13:30: \N{EN DASH}"


def test_without_a_count_nothing_is_said_and_new_lines_are_told_of() -> None:
    assert sentence(crossing(NOW, 3)) == ""
    other = crossing(NOW - timedelta(hours=1), 5, line="back")
    assert sentence(crossing(NOW - WEEK - timedelta(hours=1), 0), other) == "last Monday not every line was counted yet"


def test_the_clocks_of_both_days_agree_when_they_are_changed_between_them() -> None:
    now = datetime(2026, 10, 25, 12, 0, tzinfo=UTC)  # winter time since this morning
    found = look_back(day_of(now, PARIS), now, [], 5)
    assert found.until == datetime(2026, 10, 18, 11, 0, tzinfo=UTC)
    hours = found.hours(day_of(now, PARIS))
    assert len(hours) == 25


@given(st.integers(0, 365 * 24 * 60))
def test_a_week_before_is_a_whole_day_of_the_same_name(minute: int) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    day = day_of(moment, PARIS)
    before: Day = a_week_before(day)
    assert before.date + WEEK == day.date
    assert timedelta(hours=23) <= before.end - before.start <= timedelta(hours=25)
    assert before.start <= look_back(day, moment, [], 5).until <= before.end
