"""Which days a schedule reports: all of them, each once, whatever the clocks do."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.report_schedule import ReportSchedule, parse_cron
from appliance.reports.due import finished_periods, next_due
from appliance.reports.period import Period

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
# Clocks change at 2 and 3 o'clock in the first, at midnight in the second, by half an hour in the third.
ZONES = st.sampled_from([ZoneInfo(name) for name in ("Europe/Oslo", "America/Asuncion", "Australia/Lord_Howe", "UTC")])
MOMENTS = st.integers(0, 15 * 366 * 24 * 60).map(lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + minutes * MINUTE)
EVERY = {name: ReportSchedule(every=name) for name in ("day", "week", "month", "quarter")}
LINES = ("0 0 * * *", "30 2 * * *", "30 6 * * 1", "0 6 1,15 * *", "59 23 31 * *", "0 3 * * 5-7", "15 */6 1 * mon")


def some(schedule: ReportSchedule, now: datetime, zone: ZoneInfo) -> list[Period]:
    return [Period(*days, zone) for days in itertools.islice(finished_periods(schedule, now, zone), 6)]


@given(now=MOMENTS, zone=ZONES, name=st.sampled_from(sorted(EVERY)))
def test_periods_follow_one_another_and_the_newest_is_the_last_that_is_over(
    now: datetime, zone: ZoneInfo, name: str
) -> None:
    periods = some(EVERY[name], now, zone)
    assert periods[0].end <= now
    later = some(EVERY[name], now + periods[0].days * DAY + timedelta(hours=75 * 24 if name == "quarter" else 80), zone)
    assert periods[0] in later
    for newer, older in itertools.pairwise(periods):
        assert older.end == newer.start
        assert older.last + DAY == newer.first
    days = {"day": {1}, "week": {7}, "month": {28, 29, 30, 31}, "quarter": {90, 91, 92}}[name]
    assert {period.days for period in periods} <= days
    next_end = Period(periods[0].last + DAY, periods[0].last + DAY * max(days), zone).end
    assert now < next_end


@given(now=MOMENTS, zone=ZONES)
def test_weeks_begin_on_monday_and_quarters_in_january(now: datetime, zone: ZoneInfo) -> None:
    assert all(period.first.weekday() == 0 for period in some(EVERY["week"], now, zone))
    quarters = some(EVERY["quarter"], now, zone)
    assert all(period.first.day == 1 and period.first.month in (1, 4, 7, 10) for period in quarters)


@given(now=MOMENTS, zone=ZONES, line=st.sampled_from(LINES))
def test_a_cron_lines_periods_leave_no_day_out_and_none_is_reported_twice(
    now: datetime, zone: ZoneInfo, line: str
) -> None:
    periods = some(ReportSchedule(cron=line), now, zone)
    assert periods
    assert periods[0].end <= now
    for newer, older in itertools.pairwise(periods):
        assert older.last + DAY == newer.first


def test_a_monday_mornings_line_reports_the_week_before() -> None:
    oslo, line = ZoneInfo("Europe/Oslo"), ReportSchedule(cron="30 6 * * 1")
    # 2 November 2026 is a Monday; Oslo is an hour ahead.
    before, after = datetime(2026, 11, 2, 5, 29, tzinfo=UTC), datetime(2026, 11, 2, 5, 30, tzinfo=UTC)
    assert some(line, before, oslo)[0].last == date(2026, 10, 25)
    assert some(line, after, oslo)[0] == Period(date(2026, 10, 26), date(2026, 11, 1), oslo)


@pytest.mark.parametrize(
    ("line", "weekdays"),
    [("0 0 * * 0", {6}), ("0 0 * * 7", {6}), ("0 0 * * 1-3", {0, 1, 2}), ("0 0 * * sat-mon", {5, 6, 0})],
)
def test_days_of_the_week_are_crons(line: str, weekdays: set[int]) -> None:
    trigger, moment = parse_cron(line, ZoneInfo("UTC")), datetime(2026, 11, 1, tzinfo=UTC)
    found = set()
    for _ in range(8):
        due = trigger.get_next_fire_time(None, moment)
        found.add(due.weekday())
        moment = due + timedelta(minutes=1)
    assert found == weekdays


@pytest.mark.parametrize("line", ["", "1 2 3", "99 * * * *", "* * * * 8", "* * * * foo", "* * * * 1-", "a b c d e"])
def test_what_is_no_cron_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="cron"):
        ReportSchedule(cron=line)


@given(now=MOMENTS, zone=ZONES, name=st.sampled_from(sorted(EVERY)))
def test_the_next_report_is_due_after_the_period_that_goes_on(now: datetime, zone: ZoneInfo, name: str) -> None:
    due = next_due(EVERY[name], now, zone)
    assert due is not None
    assert due > now
    (before, *_), (after, *_) = some(EVERY[name], now, zone), some(EVERY[name], due.astimezone(UTC), zone)
    # At half past midnight that period may have been over for half an hour already.
    assert after in (before, Period(before.last + DAY, after.last, zone))
    assert after.last + DAY == due.astimezone(zone).date()


@pytest.mark.parametrize("line", LINES)
def test_a_cron_lines_next_report_is_due_at_its_next_time(line: str) -> None:
    now = datetime(2026, 3, 10, 5, tzinfo=UTC)
    due = next_due(ReportSchedule(cron=line), now, ZoneInfo("UTC"))
    assert due == parse_cron(line, ZoneInfo("UTC")).get_next_fire_time(None, now)
