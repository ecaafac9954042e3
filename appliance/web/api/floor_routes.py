"""The API's operations about the floor, alerts, deliveries and cameras' histories, in the blueprint of `routes`."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import Response
from sqlalchemy import Connection
from werkzeug.exceptions import BadRequest, NotFound

from appliance.errors import UsageError
from appliance.metrics.alerts import raised
from appliance.metrics.comparison import Change
from appliance.metrics.floor import DWELL_BINS, bin_begin
from appliance.metrics.publishing import Published
from appliance.reports import floor
from appliance.reports.camera_times import CameraTime
from appliance.reports.delivery import describe_destinations
from appliance.reports.due import next_due
from appliance.reports.floor_comparison import StaysChange, compare_ways, read_heat_change
from appliance.reports.period import Period, make_period
from appliance.storage import cameras as stored_cameras
from appliance.storage import counting_checks, destination_trials
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.storage.destination_trials import Trial
from appliance.web.api import floor_shapes as shapes
from appliance.web.api.describing import Operation, answer, describes, read_query
from appliance.web.api.routes import blueprint
from appliance.web.api.shapes import Number
from appliance.web.camera_chart import read_spans
from appliance.web.camera_health import read_history
from appliance.web.cameras import CHECKED
from appliance.web.context import WebContext, this_context
from appliance.web.floor_choice import comparable
from appliance.web.present import limits_of, present_numbers
from appliance.web.roles import Permission, allows

__all__ = ["blueprint"]

Found = TypeVar("Found")


@blueprint.get("/floor/stays")
@allows(Permission.NUMBERS)
@describes(Operation(shapes.Stays, shapes.StaysQuery))
def stays() -> Response:
    """How long visits to each zone lasted."""
    context, query = this_context(), read_query(shapes.StaysQuery)
    with reading(context.engine) as connection:
        period, other, known = _asked(connection, context, query)
        zones = [(camera.name, zone.name) for camera in known for zone in camera.zones]

        def read(each: Period) -> list[floor.Stays]:
            return _read(lambda k: floor.read_stays(connection, each, zones, query.kind, context.clock(), k), context)

        found, before = read(period), None if other is None else read(other)
    if before is None:
        told = [_stays(each, each.bins) for each in found]
    else:
        told = [_stays(now, StaysChange(now, then).bins) for now, then in zip(found, before, strict=True)]
    return answer(shapes.Stays(query.kind, told))


def _stays(found: floor.Stays, numbers: Sequence[Published | Change]) -> shapes.ZoneStays:
    return shapes.ZoneStays(
        found.camera,
        found.zone,
        [shapes.Stay(bin_begin(name), *_told(number)) for name, number in zip(DWELL_BINS, numbers, strict=True)],
    )


@blueprint.get("/floor/ways")
@allows(Permission.NUMBERS)
@describes(Operation(shapes.Ways, shapes.FloorQuery))
def ways() -> Response:
    """How many people went from one zone of a camera to another."""
    context, query = this_context(), read_query(shapes.FloorQuery)
    with reading(context.engine) as connection:
        period, other, known = _asked(connection, context, query)
        zones = {camera.name: [zone.name for zone in camera.zones] for camera in known}

        def read(each: Period) -> list[floor.Ways]:
            return _read(lambda k: floor.read_ways(connection, each, zones, context.clock(), k), context)

        found, before = read(period), None if other is None else read(other)
    if before is None:
        told = [_ways(each, each.numbers) for each in found]
    else:
        told = [_ways(now, compare_ways(now, then)) for now, then in zip(found, before, strict=True)]
    return answer(shapes.Ways(told))


def _ways(found: floor.Ways, numbers: Sequence[Sequence[Published | Change | None]]) -> shapes.CameraWays:
    told = [
        shapes.Way(begin, end, *_told(number))
        for begin, row in zip(found.zones, numbers, strict=True)
        for end, number in zip(found.zones, row, strict=True)
        if number is not None
    ]
    return shapes.CameraWays(found.camera, told)


@blueprint.get("/floor/heat")
@allows(Permission.NUMBERS)
@describes(Operation(shapes.HeatMaps, shapes.FloorQuery))
def heat() -> Response:
    """Where people stood, as a grid over each camera's picture."""
    context, query = this_context(), read_query(shapes.FloorQuery)
    with reading(context.engine) as connection:
        period, other, known = _asked(connection, context, query)
        names, now = [camera.name for camera in known if camera.heat_map], context.clock()
        if other is None:
            found = _read(lambda k: floor.read_heat(connection, period, names, now, k), context)
            maps = [
                shapes.CameraHeat(each.camera, [[number_of(cell) for cell in row] for row in each.rows])
                for each in found
            ]
        else:
            changed = _read(lambda k: read_heat_change(connection, period, other, names, now, k), context)
            maps = [
                shapes.CameraHeat(
                    each.camera,
                    [[number_of(cell.now) for cell in row] for row in each.rows],
                    [[change_of(cell) for cell in row] for row in each.rows],
                )
                for each in changed
            ]
    return answer(shapes.HeatMaps(maps))


@blueprint.get("/alerts")
@allows(Permission.NUMBERS)
@describes(Operation(shapes.Alerts))
def alerts() -> Response:
    """The limits of the settings, and which of them are reached now."""
    context = this_context()
    now, limits = present_numbers(context).now, limits_of(context)
    reached = None if now is None else {each.limit.name for each in raised(limits, now)}
    return answer(
        shapes.Alerts(
            [
                shapes.AlertNow(
                    name=each.name,
                    camera=each.camera,
                    zone=each.zone,
                    people=each.people,
                    waiting_seconds=each.waiting_seconds,
                    reached=None if reached is None else each.name in reached,
                )
                for each in limits
            ]
        )
    )


@blueprint.get("/schedules")
@allows(Permission.REPORTS)
@describes(Operation(shapes.Schedules))
def schedules() -> Response:
    """Which reports are built by themselves, and when next."""
    context = this_context()
    now, site = context.clock(), context.settings.site
    told = [
        shapes.Schedule(
            name=each.name,
            every=each.every or "",
            cron=each.cron,
            following=next_due(each, now, site.zone),
            language=each.language or site.language,
            destinations=list(each.destinations),
        )
        for each in context.settings.reports
    ]
    return answer(shapes.Schedules(told))


@blueprint.get("/destinations")
@allows(Permission.REPORTS)
@describes(Operation(shapes.Destinations))
def destinations() -> Response:
    """Where reports and alerts are sent, what became of it, and the newest test of each that the page asked for."""
    context = this_context()
    with reading(context.engine) as connection:
        trials = destination_trials.newest(connection)
    found = describe_destinations(context.engine, context.settings)
    return answer(shapes.Destinations([_destination(each, trials.get(each["name"])) for each in found]))


def _destination(found: dict[str, Any], trial: Trial | None) -> shapes.DestinationState:
    test = None if trial is None else shapes.DestinationTest(trial.asked, trial.finished, trial.problem)
    names = ("name", "kind", "to", "classes", "delivered", "waiting", "problem")
    return shapes.DestinationState(**{name: found[name] for name in names}, test=test)


@blueprint.get("/cameras/<name>/history")
@allows(Permission.CAMERAS)
@describes(Operation(shapes.CameraHistory))
def camera_history(name: str) -> Response:
    """What happened to a camera, and how well it was found to count."""
    context = this_context()
    now = context.clock()
    with reading(context.engine) as connection:
        if stored_cameras.get(connection, name) is None:
            raise NotFound(f"There is no camera {name!r}.")
        entries = read_history(connection, now).get(name, [])
        checks = counting_checks.between(connection, now - CHECKED, now)
        hours, days = (read_spans(connection, context, name, span) for span in ("hours", "days"))
    events = [
        shapes.CameraEvent(each.number, each.time, each.event.action, each.event.actor, dict(each.event.details))
        for each in entries
    ]
    told = [
        shapes.CameraCheck(each.checked, each.seconds, each.difference)
        for each in reversed(checks)
        if each.camera == name
    ]
    return answer(shapes.CameraHistory(events, told, list(map(_time, hours)), list(map(_time, days))))


def _time(found: CameraTime) -> shapes.CameraTime:
    return shapes.CameraTime(found.start, found.end, found.streaming, found.unreliable, found.away, found.stopped)


def _asked(
    connection: Connection, context: WebContext, query: shapes.FloorQuery | shapes.StaysQuery
) -> tuple[Period, Period | None, Sequence[Camera]]:
    """The period, the one that it is compared with, and the cameras that are meant. Raises `BadRequest`."""
    zone = context.settings.site.zone
    known = stored_cameras.list_cameras(connection)
    if query.camera and query.camera not in {camera.name for camera in known}:
        raise BadRequest("There is no such camera.")
    today, other = context.clock().astimezone(zone).date(), None
    try:
        period = make_period(query.first, query.last, zone, today)
        if query.compare is not None:
            compared, other = comparable(period, query.compare, today)
            if compared != period:
                raise BadRequest("The last day is not over, so it can't be compared yet; choose an earlier one.")
    except UsageError as error:
        raise BadRequest(str(error)) from error
    return period, other, [camera for camera in known if query.camera in ("", camera.name)]


def _read(work: Callable[[int], list[Found]], context: WebContext) -> list[Found]:
    """What the work reads with the site's k. Raises `BadRequest` where the period is too long for it."""
    try:
        return work(context.settings.anonymity.k)
    except UsageError as error:
        raise BadRequest(str(error)) from error


def number_of(found: Published) -> Number:
    return Number(found.value, found.noise.margin, found.withheld)


def change_of(found: Change) -> shapes.Change:
    difference = found.difference
    before = number_of(found.before) if found.is_counted else Number(None)
    return shapes.Change(before, Number(None) if difference is None else number_of(difference))


def _told(number: Published | Change) -> tuple[Number, shapes.Change | None]:
    """The present number, and what changed where two times are compared."""
    if isinstance(number, Change):
        return number_of(number.now), change_of(number)
    return number_of(number), None
