"""The day's arithmetic: hours of the site, sums, maxima, and what is said about them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.opening import Opening
from appliance.web.counts import NO_NUMBER, CameraPlaces, Count, DayCounts, count_day
from appliance.web.day import day_of

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 12, 34, tzinfo=UTC)
DOOR = CameraPlaces("door", ("entrance",), ("hall",))


def crossing(start: datetime, direction: str, value: float = 1, kind: str = "person", camera: str = "door") -> Count:
    return Count(start, camera, "crossings", "entrance", kind, direction, value)


def count(*counts: Count, now: datetime = NOW, present: dict[str, dict[str, int]] | None = None) -> DayCounts:
    return count_day(day_of(now, PARIS), now, [DOOR], counts, present)


def test_the_day_is_the_sites_own() -> None:
    day = day_of(datetime(2026, 11, 22, 23, 30, tzinfo=UTC), PARIS)
    assert day.date.isoformat() == "2026-11-23"
    assert day.start == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert len(day.hours) == 24


def test_days_on_which_the_clocks_change_have_their_own_length() -> None:
    assert len(day_of(datetime(2026, 3, 29, 12, tzinfo=UTC), PARIS).hours) == 23
    autumn = day_of(datetime(2026, 10, 25, 12, tzinfo=UTC), PARIS)
    assert [autumn.label(hour) for hour in autumn.hours][1:5] == ["01:00", "02:00", "02:00", "03:00"]


def test_people_are_added_up_and_vehicles_are_kept_apart() -> None:
    result = count(crossing(NOW, "in", 1200), crossing(NOW, "out", 7), crossing(NOW, "in", 3, "vehicle"))
    assert result.values["in"] == "1,200"
    assert result.values["out"] == "7"
    assert result.values["inside"] == "1,193"
    assert "3 vehicles" in result.values["in_note"]
    assert [(line.name, line.kind) for line in result.cameras[0].lines] == [
        ("entrance", "person"),
        ("entrance", "vehicle"),
    ]


def test_fewer_than_nobody_are_never_inside() -> None:
    values = count(crossing(NOW, "in", 2), crossing(NOW, "out", 5)).values
    assert values["inside"] == "0"
    assert "3 more went out" in values["inside_note"]


def test_yesterday_does_not_count() -> None:
    midnight = day_of(NOW, PARIS).start
    result = count(crossing(midnight - timedelta(minutes=15), "in"), crossing(midnight, "in"))
    assert result.values["in"] == "1"


def test_an_hour_that_has_not_begun_has_no_number() -> None:
    hours = count(crossing(NOW, "in", 4)).hours
    assert hours["in"][13] == 4  # 12:34 UTC is 13:34 in Paris
    assert hours["in"][12] == 0
    assert hours["in"][14] is None


def test_maxima_are_not_added() -> None:
    most = [Count(NOW, "door", "occupancy_maximum", "hall", "person", "", value) for value in (4, 9, 2)]
    visits = [Count(NOW, "door", "visits", "hall", "person", "", 1) for _ in range(3)]
    values = count(*most, *visits, present={"door": {"hall": 2}}).values
    assert values["c0.z0.note"] == "at most 9; 3 visits today"
    assert values["c0.z0.now"] == "2"


def test_nobody_knows_who_is_there_when_the_engine_is_gone() -> None:
    assert count(present=None).values["c0.z0.now"] == NO_NUMBER


def test_a_camera_that_is_gone_keeps_its_counts() -> None:
    result = count(crossing(NOW, "in", camera="old"))
    assert [camera.name for camera in result.cameras] == ["door", "old"]
    assert result.values["in"] == "1"


def test_the_structure_changes_with_the_rows_and_the_day_only() -> None:
    plain = count().structure
    assert count(crossing(NOW, "in")).structure == plain
    assert count(crossing(NOW, "in", camera="old")).structure != plain
    assert count(now=NOW + timedelta(days=1)).structure != plain


@given(st.lists(st.tuples(st.integers(0, 95), st.sampled_from(["in", "out"]), st.integers(0, 50))))
def test_the_hours_add_up_to_the_day(crossings: list[tuple[int, str, int]]) -> None:
    day = day_of(NOW, PARIS)
    counts = [crossing(day.start + timedelta(minutes=15 * slot), way, value) for slot, way, value in crossings]
    result = count(*counts, now=day.end - timedelta(seconds=1))
    for direction in ("in", "out"):
        assert sum(value for value in result.hours[direction] if isinstance(value, int)) == sum(
            value for _, way, value in crossings if way == direction
        )


def noisy(start: datetime, direction: str, value: float, variance: float) -> Count:
    return Count(start, "door", "crossings", "entrance", "person", direction, value, "differential", variance)


def test_noisy_numbers_have_their_error_and_are_clamped_for_display_alone() -> None:
    hours = [NOW - timedelta(hours=hour) for hour in range(3)]
    result = count(*(noisy(hour, "in", value, 50.0) for hour, value in zip(hours, (-4, 30, 20), strict=True)))
    assert result.values["in"] == "46"
    assert result.values["in_note"] == "all lines together; ±\N{NO-BREAK SPACE}25 (95\N{NO-BREAK SPACE}% interval)"
    assert result.hours["in"][11:14] == [20, 30, 0]
    assert result.values["h13.in"] == "0\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}16"
    assert result.values["c0.l0.in"] == "46\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}25"


def test_noise_alone_makes_no_vehicles() -> None:
    vehicles = Count(NOW, "door", "crossings", "entrance", "vehicle", "in", 6.0, "differential", 50.0)
    assert [line.kind for line in count(vehicles).cameras[0].lines] == ["person"]


def test_the_open_bucket_alone_makes_no_maximum_of_a_day() -> None:
    visits = Count(NOW, "door", "visits", "hall", "person", "", 12, "differential", 8.0)
    most = Count(NOW, "door", "occupancy_maximum", "hall", "person", "", 3, "differential")
    assert count(visits, most).values["c0.z0.note"] == "12\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}7 visits today"


def exact_hours(*values: float, now: datetime = NOW) -> DayCounts:
    start = day_of(NOW, PARIS).start
    return count(
        *(
            Count(start + timedelta(hours=hour), "door", "crossings", "entrance", "person", "in", value, "threshold")
            for hour, value in enumerate(values)
        ),
        now=now,
    )


def test_small_hours_are_withheld_and_totals_leave_them_out() -> None:
    result = exact_hours(0, 4, 12, 30)
    assert [result.values[f"h{hour}.in"] for hour in range(4)] == [NO_NUMBER, NO_NUMBER, "12", "30"]
    assert result.hours["in"][:4] == [None, None, 12, 30]
    assert result.values["in"] == "at least 42"
    assert result.values["c0.l0.in"] == "at least 42"
    assert result.values["inside"] == "about 42"


def test_the_present_hour_is_withheld_until_it_is_over() -> None:
    result = exact_hours(*[9] * 14)
    assert result.values["h12.in"] == "9"
    assert result.values["h13.in"] == NO_NUMBER  # 12:34 UTC is 13:34 in Paris
    assert result.values["in"] == "at least 117"


OPENING = Opening(datetime(2026, 11, 23, 8, tzinfo=UTC), datetime(2026, 11, 23, 18, tzinfo=UTC))


def inside(now: datetime, *counts: Count, places: CameraPlaces = DOOR) -> dict[str, str]:
    return count_day(day_of(now, PARIS), now, [places], counts, None, opening=OPENING).values


def test_who_is_inside_is_counted_since_the_store_opened() -> None:
    values = inside(NOW, crossing(OPENING.start - timedelta(hours=1), "in", 5), crossing(OPENING.start, "in", 3))
    assert values["inside"] == "3"
    assert values["in"] == "8"
    assert "since opening at 09:00" in values["inside_note"]


def test_after_closing_nobody_is_left_inside() -> None:
    values = inside(OPENING.end + timedelta(hours=1), crossing(NOW, "in", 30))
    assert values["inside"] == "0"
    assert "closed since 19:00" in values["inside_note"]


def test_a_store_holds_never_fewer_than_nobody() -> None:
    assert inside(NOW, crossing(NOW, "out", 3))["inside"] == "0"


def test_lines_inside_the_store_are_no_entrances() -> None:
    inner = CameraPlaces("door", ("entrance", "aisle"), (), inner=("aisle",))
    moved = Count(NOW, "door", "crossings", "aisle", "person", "in", 4)
    assert inside(NOW, crossing(NOW, "in", 2), moved, places=inner)["inside"] == "2"
    assert count_day(day_of(NOW, PARIS), NOW, [inner], [crossing(NOW, "in", 2), moved], None).values["inside"] == "2"
