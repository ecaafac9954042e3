"""Old reports go; and a report never says "none" about a time whose data is gone."""

from datetime import UTC, date, datetime, timedelta

from appliance.audit.retention import remove_expired
from appliance.reports.build import build_report, list_reports
from appliance.reports.period import Period
from appliance.reports.retention import Gaps, find_gaps, remove_old_reports
from appliance.storage.database import reading
from tests.reports.conftest import NOW, Place, fill_october, utc
from tests.reports.test_build import entries, files

OBSERVED = ("observed_seconds", "", "", "", 900.0)


def gaps(place: Place, first: date, last: date) -> Gaps:
    with reading(place.engine) as connection:
        return find_gaps(connection, place.settings, Period(first, last, place.settings.site.zone))


def test_reports_are_removed_at_the_end_of_their_time(place: Place) -> None:
    old = build_report(place.paths, place.settings, place.engine, date(2026, 10, 1), date(2026, 10, 1), "ada", NOW)
    end = datetime(2029, 11, 3, 9, 0, tzinfo=UTC)
    assert remove_old_reports(place.paths, place.settings, place.engine, "schedule", end) == 0
    assert list_reports(place.engine, place.paths) == (old,)
    assert remove_old_reports(place.paths, place.settings, place.engine, "schedule", end + timedelta(seconds=1)) == 1
    assert list_reports(place.engine, place.paths) == ()
    assert files(place.paths.reports) == []
    (entry,) = entries(place, "data-removed")
    assert (entry.event.subject, entry.event.details) == ("reports", {"reports": 1})


def test_while_all_data_is_there_nothing_is_missing(place: Place) -> None:
    fill_october(place)
    assert gaps(place, date(2026, 9, 1), date(2026, 10, 31)) == Gaps(None, None)


def test_a_period_whose_data_was_removed_says_from_when_on_it_tells(place: Place) -> None:
    place.happened(utc(5), "courier", "report-delivered", "a.pdf", "report")
    kept = place.happened(utc(20), "ada", "login", "page")
    place.counted(utc(5), "gate", OBSERVED)
    # 12 months for the log and 13 for the counts have passed for what was before the 10th of October, or September.
    with place.engine.begin() as connection:
        remove_expired(connection, place.settings.retention, "schedule", datetime(2027, 10, 10, tzinfo=UTC))
    found = gaps(place, date(2026, 10, 1), date(2026, 10, 31))
    assert found == Gaps(log_since=utc(20), metrics_since=None)
    assert entries(place, "login")[0].number == kept
    assert gaps(place, date(2026, 11, 1), date(2026, 11, 30)) == Gaps(None, None)
    with place.engine.begin() as connection:
        remove_expired(connection, place.settings.retention, "schedule", datetime(2027, 11, 10, tzinfo=UTC))
    assert gaps(place, date(2026, 10, 1), date(2026, 10, 31)).metrics_since == utc(10, 0)
