"""The day's numbers as of now: from the database and from the engine's open bucket."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from appliance.language import marked
from appliance.metrics.alerts import Limit, Now, raised
from appliance.metrics.opening import Opening, Spans, last_opening
from appliance.storage import cameras as stored_cameras
from appliance.storage import measurements
from appliance.storage.database import reading
from appliance.storage.measurements import HourRow
from appliance.web.context import WebContext
from appliance.web.counts import NO_NUMBER, CameraPlaces, CameraRows, Count, DayCounts, count_day
from appliance.web.day import HOUR, Day, day_of
from appliance.web.last_week import LastWeek, a_week_before, compare, look_back, same_time
from appliance.web.status import CameraStatus, EngineStatus, counting, read_status
from appliance.web.summary import alerts_now, busiest_hour, health, queue_now
from appliance.web.wording import gettext, this_language, translated
from appliance.web.words import duration, number

SHOWN_MEASURES = ("crossings", "visits", "occupancy_maximum")
LONGEST_BUCKET = timedelta(hours=1)
KINDS = ("person", "vehicle")
STATE_WORDS = {
    "connecting": marked("connecting to the camera"),
    "stalled": marked("connected, but no picture comes"),
    "failed": marked("no picture, trying again"),
    "disabled": marked("disabled, not watched"),
    "ended": marked("the recording has ended"),
}
STARTING = marked(
    "The engine is starting. The first time on a machine its networks are measured there, which may take some minutes."
)
NOT_RUNNING = marked(
    "The engine is not running, so nobody is being counted at the moment. These are the numbers stored so far."
)


@dataclass(frozen=True)
class PresentNumbers:
    """Everything that the Today page and the column beside a live view show.

    `tones` are the tones of the tiles by name. `now` is what limits are compared with. `last_week` is whether the day
    a week ago can be told of.
    """

    values: dict[str, str]
    hours: dict[str, list[str] | list[int | None]]
    cameras: tuple[CameraRows, ...]
    structure: str
    tone: str
    tones: dict[str, str] = field(default_factory=dict)
    last_week: str = ""
    now: Now | None = None

    @property
    def notice(self) -> str:
        return self.values["notice"]

    def camera(self, name: str) -> CameraRows | None:
        return next((camera for camera in self.cameras if camera.name == name), None)


def present_numbers(context: WebContext) -> PresentNumbers:
    now, language = context.clock(), this_language()
    day = day_of(now, context.settings.site.zone)
    hours = context.settings.opening
    opening = None if hours is None else last_opening(now, hours.spans, day.zone)
    places, counts, told = read_counts(context, day, opening)
    status = counting(told)
    present = None if status is None else status.present
    result = count_day(day, now, places, counts, present, context.settings.anonymity.k, opening)
    opened = describe_hours(None if hours is None else hours.spans(day.date))
    numbers = None if status is None else Now(status.present, status.waiting, result.inside)
    limits = limits_of(context)
    reached = () if numbers is None else raised(limits, numbers)
    # Among those with counts may be a camera that was removed today.
    names = {each.name for each in places} | {each.name for each in result.cameras}
    states = {name: describe_camera(told, name) for name in names}
    before = read_last_week(context, day, now)
    hours_before = before.hours(day) if before.is_known else []
    values = result.values | {
        "day": ", ".join(filter(None, (language.weekday(day.date), language.day(day.date), opened))),
        "state": gettext("Live · %(clock)s", clock=f"{now.astimezone(day.zone):%H:%M:%S}")
        if status
        else gettext("Engine starting")
        if told
        else gettext("Engine not running"),
        "notice": describe_troubles(told),
        **busiest_hour(day, now, result.sums),
        **queue_now(places, told),
        **alerts_now(limits, reached, told),
        **health([each.name for each in places], told, states),
        **{f"{way}_compared": compare(result.sums, before, way) for way in ("in", "out")},
        **{f"h{index}.before": number_or_dash(each) for index, each in enumerate(hours_before)},
        **_camera_values(result, places, status, states),
    }
    tones = {name.removesuffix(".tone"): tone for name, tone in values.items() if name.endswith(".tone")}
    return PresentNumbers(
        {name: text for name, text in values.items() if not name.endswith(".tone")},
        result.hours | {"before": hours_before},
        result.cameras,
        result.structure,
        "good" if status else "warn",
        tones,
        language.weekday(before.day.date) if before.is_known else "",
        numbers,
    )


def describe_hours(spans: Spans | None) -> str:
    """The day's hours, such as `open 09:00 to 12:00, 14:00 to 19:00`; empty for a site without hours."""
    if spans is None:
        return ""
    if not spans:
        return gettext("closed all day")
    each = (gettext("%(begin)s to %(end)s", begin=f"{begin:%H:%M}", end=f"{end:%H:%M}") for begin, end in sorted(spans))
    return gettext("open %(hours)s", hours=", ".join(each))


def number_or_dash(value: int | None) -> str:
    return NO_NUMBER if value is None else number(value)


def _camera_values(
    result: DayCounts, places: list[CameraPlaces], status: EngineStatus | None, states: Mapping[str, str]
) -> dict[str, str]:
    """Each camera's state, of `states`, and how long people wait in its queues."""
    values = {}
    queues = {each.name: each.queues for each in places}
    for camera in result.cameras:
        values[f"{camera.key}.state"] = states[camera.name]
        for zone in camera.zones:
            if zone.name in queues.get(camera.name, ()) and status is not None:
                waiting = status.waiting.get(camera.name, {}).get(zone.name, 0.0)
                note = result.values[f"{zone.key}.note"]
                values[f"{zone.key}.note"] = gettext(
                    "%(note)s; waiting for %(duration)s now", note=note, duration=duration(waiting)
                )
    return values


def read_last_week(context: WebContext, day: Day, now: datetime) -> LastWeek:
    """The people who crossed lines a week before `day`."""
    then = a_week_before(day)
    with reading(context.engine) as connection:
        rows = measurements.read_hours(
            connection, then.start, then.end, ("crossings",), ("person",), (same_time(now, then),)
        )
    return look_back(day, now, map(_count, rows), context.settings.anonymity.k)


def read_counts(
    context: WebContext, day: Day, opening: Opening | None = None
) -> tuple[list[CameraPlaces], list[Count], EngineStatus | None]:
    """Cameras, the stored counts of the day and since the opening with the open bucket's, and the engine's status.

    The engine may store its bucket between our two questions, and then it would be counted twice: so the status is
    asked for before and after, and the reading is taken again if another bucket has been opened meanwhile.
    """
    status = read_status(context.live)
    # What was counted since an opening before midnight, from a whole hour on.
    begun = timedelta() if opening is None else max(timedelta(), day.start - opening.start + LONGEST_BUCKET)
    start = day.start - math.ceil(begun / HOUR) * HOUR
    fine = () if opening is None else (opening.start,)
    for _ in range(3):
        with reading(context.engine) as connection:
            places = [CameraPlaces.of(each) for each in stored_cameras.list_cameras(connection)]
            rows = measurements.read_hours(connection, start, day.end, SHOWN_MEASURES, KINDS, fine)
            counts = list(map(_count, rows))
        before, status = status, read_status(context.live)
        if _bucket_start(before) == _bucket_start(status):
            break
    return places, counts + _open_counts(status), status


def _count(row: HourRow) -> Count:
    start, seconds, camera, measure, place, kind, direction, mode, value, variance, squares = row
    length = timedelta(seconds=seconds)
    return Count(start, camera, measure, place, kind, direction, value, mode, variance, length, squares)


def _bucket_start(status: EngineStatus | None) -> object:
    return status.open_bucket.start if status and status.open_bucket else None


def _open_counts(status: EngineStatus | None) -> list[Count]:
    if status is None or status.open_bucket is None or status.open_bucket.mode == "threshold":
        return []
    start, length = status.open_bucket.start, timedelta(seconds=status.open_bucket.seconds)
    return [
        Count(start, row.camera, row.measure, row.place, row.kind, row.direction, row.value, length=length)
        for row in status.open_bucket.measurements
    ]


def limits_of(context: WebContext) -> list[Limit]:
    """The limits of the settings."""
    return [
        Limit(each.name, each.camera, each.zone, each.people, each.waiting_seconds) for each in context.settings.alerts
    ]


def describe_camera(status: EngineStatus | None, name: str) -> str:
    """One short line on a camera's state, such as `running, 9.8 of 10.0 frames a second`."""
    if status is None:
        return gettext("not watched")
    camera = status.camera(name)
    if camera is None:
        return gettext("not watched yet")
    if is_well(camera):
        return gettext(
            "running, %(analysed)s of %(input)s frames a second analysed",
            analysed=this_language().number(camera.analysed_rate, 1),
            input=this_language().number(camera.input_rate, 1),
        )
    return describe_state(camera)


def describe_state(camera: CameraStatus) -> str:
    """The state in words, for a camera that does not run."""
    return translated(STATE_WORDS.get(camera.state, camera.state)) or gettext("state unknown")


def describe_troubles(status: EngineStatus | None) -> str:
    """What somebody should know or mend, in a sentence a camera; empty if all is well."""
    if status is None or status.starting:
        return gettext(NOT_RUNNING if status is None else STARTING)
    failures = tuple(status.failures.values())
    errors = [(camera.name, camera.last_error) for camera in status.cameras if camera.last_error]
    tell = status.told
    return " ".join(
        [
            *map(tell, failures),
            *(f"{name}: {tell(error)}" for name, error in errors if error not in failures),
            *(f"{camera.name}: {describe_behind(camera)}" for camera in status.cameras if camera.behind),
            *(f"{name}: {tell(advice)}" for name, each in status.advice.items() for advice in each),
            *(f"{each.name}: {describe_tampering(each)}" for each in status.cameras if each.tampering_words),
        ]
    )


def describe_behind(camera: CameraStatus) -> str:
    """That fewer pictures are analysed than was asked for."""
    return gettext(
        "%(analysed)s of %(target)s pictures a second are analysed, since the device can't do more; all cameras share "
        "it evenly.",
        analysed=this_language().number(camera.analysed_rate, 1),
        target=this_language().decimal(camera.target_rate),
    )


def describe_tampering(camera: CameraStatus) -> str:
    """What hides the scene from the camera, and what that means."""
    words = translated(camera.tampering_words)
    reliable = gettext("What is counted now is not reliable.")
    return f"{words[:1].upper()}{words[1:]}. {reliable}"


def is_well(camera: CameraStatus) -> bool:
    return camera.state == "streaming"
