"""The days a report is about."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.reports.period import Period, PeriodError, last_month, make_period, parse_date

OSLO = ZoneInfo("Europe/Oslo")
TODAY = date(2026, 11, 3)
# Half hours, clocks that change at midnight, and a day that was left out.
ZONES = ("UTC", "Europe/Oslo", "Asia/Kolkata", "America/Santiago", "Asia/Beirut", "Pacific/Apia", "America/New_York")


def test_both_days_are_included() -> None:
    period = make_period(date(2026, 10, 1), date(2026, 10, 31), OSLO, TODAY)
    assert period.days == 31
    assert period.start == datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert period.end == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert period.hours == 31 * 24 + 1, "clocks went back on 25 October"


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (date(2026, 10, 2), date(2026, 10, 1), "before it begins"),
        (date(2026, 11, 1), date(2026, 11, 4), "in the future"),
        (date(2020, 1, 1), date(2026, 1, 1), "longer than five years"),
    ],
)
def test_dates_that_make_no_period_are_refused(first: date, last: date, says: str) -> None:
    with pytest.raises(PeriodError, match=says) as caught:
        make_period(first, last, OSLO, TODAY)
    assert caught.value.exit_code == 2


def test_today_may_be_reported() -> None:
    assert make_period(TODAY, TODAY, OSLO, TODAY).unit == "hour"


@pytest.mark.parametrize("text", ["31.10.2026", "2026-13-01", "yesterday", ""])
def test_a_text_that_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(PeriodError, match="2026-10-01"):
        parse_date(text)


def test_last_month_of_january_is_december() -> None:
    assert last_month(date(2026, 1, 31)) == (date(2025, 12, 1), date(2025, 12, 31))


def test_a_day_on_which_clocks_change_has_its_true_hours() -> None:
    assert len(Period(date(2026, 3, 29), date(2026, 3, 29), OSLO).intervals()) == 23
    assert len(Period(date(2026, 10, 25), date(2026, 10, 25), OSLO).intervals()) == 25


@example(first=date(2011, 12, 30), days=1, zone="Pacific/Apia")
@given(first=st.dates(date(2009, 1, 1), date(2026, 1, 1)), days=st.integers(1, 500), zone=st.sampled_from(ZONES))
def test_intervals_cover_the_period_without_gap_or_overlap(first: date, days: int, zone: str) -> None:
    period = Period(first, first + timedelta(days=days - 1), ZoneInfo(zone))
    intervals = period.intervals()
    assert intervals[0].start == period.start
    assert intervals[-1].end == period.end
    for before, after in itertools.pairwise(intervals):
        assert before.end == after.start
        assert before.start <= before.end
