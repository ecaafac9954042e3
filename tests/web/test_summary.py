"""The tiles of Today: what each says, and in which tone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from appliance.metrics.alerts import Limit, Now, raised
from appliance.web.counts import NO_NUMBER, CameraPlaces, Count, add_up
from appliance.web.day import day_of
from appliance.web.status import CameraStatus, EngineStatus
from appliance.web.summary import alerts_now, busiest_hour, health, queue_now

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 12, 34, tzinfo=UTC)
DAY = day_of(NOW, PARIS)
TILLS = [CameraPlaces("tills", (), ("one", "two", "shelf"), (), ("one", "two"))]


def came(hours_ago: int, value: float, variance: float = 0.0) -> Count:
    start = NOW - timedelta(hours=hours_ago)
    return Count(start, "door", "crossings", "entrance", "person", "in", value, "off", variance)


def test_the_busiest_hour_is_the_one_with_most_people() -> None:
    sums = add_up(DAY, NOW, [came(0, 3), came(2, 20), came(2, 5), came(4, 9)], 5)
    texts = busiest_hour(DAY, NOW, sums)
    assert texts == {"busiest": "11:00", "busiest_note": "25 people came in between 11:00 and 12:00"}


def test_noise_alone_makes_no_busiest_hour() -> None:
    assert busiest_hour(DAY, NOW, add_up(DAY, NOW, [came(1, 4, 50.0)], 5))["busiest"] == NO_NUMBER


def test_queues_are_added_up_and_the_longest_wait_is_named() -> None:
    status = EngineStatus(
        present={"tills": {"one": 2, "two": 3, "shelf": 9}}, waiting={"tills": {"one": 40.0, "two": 200.0}}
    )
    texts = queue_now(TILLS, status)
    assert texts == {"queue": "5", "queue_note": "longest at two: 3 waiting for 3 min"}
    assert queue_now(TILLS, EngineStatus())["queue_note"] == "nobody waits"
    assert queue_now(TILLS, None)["queue"] == NO_NUMBER
    assert queue_now([CameraPlaces("hall", (), ("hall",))], status) == {}


def test_alerts_are_bad_when_reached_and_unknown_without_the_engine() -> None:
    limits = [Limit("long queue", "tills", "one", people=2), Limit("full", people=100)]
    reached = raised(limits, Now({"tills": {"one": 4}}, {}, 3))
    texts = alerts_now(limits, reached, EngineStatus())
    assert (texts["alerts"], texts["alerts.tone"]) == ("1", "bad")
    assert "4 people in one of tills" in texts["alerts_note"]
    assert alerts_now(limits, (), EngineStatus())["alerts.tone"] == "good"
    assert alerts_now(limits, (), None)["alerts"] == NO_NUMBER
    assert alerts_now([], (), EngineStatus()) == {}


def test_health_names_the_cameras_that_do_not_work() -> None:
    status = EngineStatus(
        cameras=(
            CameraStatus("door", "streaming"),
            CameraStatus("till", "failed"),
            CameraStatus("yard", "streaming", tampering_words="something covers the camera"),
            CameraStatus("store room", "disabled"),
        )
    )
    states = {"till": "no picture, trying again", "yard": "running", "new": "not watched yet"}
    texts = health(["door", "till", "yard", "store room", "new"], status, states)
    assert (texts["health"], texts["health.tone"]) == ("1 of 4", "bad")
    assert "till: no picture, trying again" in texts["health_note"]
    assert "store room" not in texts["health_note"]
    well = health(["door", "store room"], status, states)
    assert (well["health"], well["health.tone"]) == ("1 of 1", "good")
    assert well["health_note"] == "working; 1 is switched off"
    assert health(["door"], None, states)["health.tone"] == "bad"
