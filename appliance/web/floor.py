"""Explore the floor: how long people stay in zones, which ways they take, where they stand. Works without scripts."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from appliance.audit.log import Event, append
from appliance.errors import UsageError
from appliance.reports.floor import (
    MOST_DAYS,
    MOST_HEAT_DAYS,
    Heat,
    Stays,
    Ways,
    check_length,
    read_heat,
    read_stays,
    read_ways,
)
from appliance.reports.floor_comparison import HeatChange, StaysChange, read_heat_change, unequal_hours
from appliance.reports.floor_sheet import heat_csv, stays_csv, ways_csv
from appliance.storage import cameras as stored_cameras
from appliance.storage import floor_plan
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.storage.floor_plan import FloorPlan
from appliance.web.choice import AGAINST
from appliance.web.context import WebContext, this_context
from appliance.web.floor_change import (
    describe_hours,
    heat_change_on_plan,
    show_heat_change,
    show_stays_change,
    show_ways_change,
    stays_of_both,
)
from appliance.web.floor_choice import KINDS, FloorChoice, presets, read_floor_choice
from appliance.web.floor_pdf import heat_facts, make_sheet, stays_facts, ways_facts
from appliance.web.floor_view import (
    PLAN_HEIGHT,
    CameraHeat,
    CameraWays,
    HeatCell,
    ZoneStays,
    draw_plan,
    heat_on_plan,
    show_heat,
    show_stays,
    show_ways,
)
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.wording import gettext, told
from appliance.web.words import BROWSER, attachment, days, moment

blueprint = Blueprint("floor", __name__, url_prefix="/explore")


@dataclass(frozen=True)
class Asked:
    """What a page is about. `problem` says what is wrong with the choice; the period is then the usual one."""

    choice: FloorChoice
    cameras: tuple[Camera, ...]
    problem: str = ""

    @property
    def chosen(self) -> tuple[Camera, ...]:
        return self.choice.among(self.cameras)


@blueprint.get("/stays")
@allows(Permission.NUMBERS)
def stays() -> str:
    """How long visits to zones last, and how long people wait in queues."""
    context = this_context()
    asked = _asked(context, MOST_DAYS)
    with reading(context.engine) as connection:
        shown = _shown_stays(asked, _stays(connection, context, asked))
    return _page("stays.html", context, asked, shown=shown, kinds=KINDS)


@blueprint.get("/ways")
@allows(Permission.NUMBERS)
def ways() -> str:
    """How many went from one zone to another."""
    context = this_context()
    asked = _asked(context, MOST_DAYS)
    with reading(context.engine) as connection:
        shown = _shown_ways(*_ways(connection, context, asked))
    return _page("ways.html", context, asked, shown=shown)


@blueprint.get("/heat")
@allows(Permission.NUMBERS)
def heat() -> str:
    """Where people stand, over the floor plan that somebody drew."""
    context = this_context()
    asked = _asked(context, MOST_HEAT_DAYS)
    with reading(context.engine) as connection:
        plan = floor_plan.read(connection)
        shown, cells = _shown_heat(_heat(connection, context, asked), plan)
    return _page(
        "heat.html",
        context,
        asked,
        shown=shown,
        cells=cells,
        has_plan=plan != FloorPlan(),
        marks=draw_plan(plan),
        width=round(PLAN_HEIGHT * plan.proportion),
        height=round(PLAN_HEIGHT),
    )


@blueprint.get("/<any(stays, ways, heat):view>.<any(csv, pdf):form>")
@allows(Permission.NUMBERS)
def download(view: str, form: str) -> Response:
    """What the page shows of the same choice; written into the audit log before the first byte goes."""
    context, session = this_context(), this_session()
    now, zone = context.clock(), context.settings.site.zone
    try:
        choice = read_floor_choice(request.args, now.astimezone(zone).date(), zone)
        with reading(context.engine) as connection:
            asked = Asked(choice, stored_cameras.list_cameras(connection))
            sheet = SHEETS[view](connection, context, asked)
    except UsageError as error:
        session.say("warn", told(error))
        return redirect(url_for(f"floor.{view}"))
    content = sheet.csv.encode("utf-8") if form == "csv" else _pdf(context, choice, sheet, session.user, now)
    name = f"{view}-{choice.period.first.isoformat()}-to-{choice.period.last.isoformat()}.{form}"
    with context.engine.begin() as connection:
        digest = hashlib.sha256(content).hexdigest()
        append(connection, Event(session.user, "counts-downloaded", name, "metric", len(content), digest, BROWSER), now)
    return attachment(content, "text/csv; charset=utf-8" if form == "csv" else "application/pdf", name)


def _asked(context: WebContext, most_days: int) -> Asked:
    zone = context.settings.site.zone
    today = context.clock().astimezone(zone).date()
    with reading(context.engine) as connection:
        cameras = stored_cameras.list_cameras(connection)
    try:
        choice = read_floor_choice(request.args, today, zone)
        check_length(choice.period, most_days)
    except UsageError as error:
        return Asked(read_floor_choice({}, today, zone), cameras, told(error))
    return Asked(choice, cameras)


def _stays(connection: Connection, context: WebContext, asked: Asked) -> list[Stays] | list[StaysChange]:
    zones = [(camera.name, zone.name) for camera in asked.chosen for zone in camera.zones]
    k, choice, now = context.settings.anonymity.k, asked.choice, context.clock()
    found = read_stays(connection, choice.period, zones, choice.kind, now, k)
    if choice.other is None:
        return found
    return stays_of_both(found, read_stays(connection, choice.other, zones, choice.kind, now, k))


def _shown_stays(asked: Asked, found: Iterable[Stays | StaysChange]) -> list[ZoneStays]:
    queues = {(camera.name, zone.name) for camera in asked.cameras for zone in camera.zones if zone.queue}

    def show(each: Stays | StaysChange) -> ZoneStays:
        if isinstance(each, StaysChange):
            return show_stays_change(each, (each.now.camera, each.now.zone) in queues, asked.choice.kind)
        return show_stays(each, (each.camera, each.zone) in queues, asked.choice.kind)

    return [show(each) for each in found]


def _ways(connection: Connection, context: WebContext, asked: Asked) -> tuple[list[Ways], list[Ways]]:
    """Of the period, and of the one that it is compared with."""
    zones = {camera.name: [zone.name for zone in camera.zones] for camera in asked.chosen}
    periods = (asked.choice.period, asked.choice.other)
    now, before = (
        [] if each is None else read_ways(connection, each, zones, context.clock(), context.settings.anonymity.k)
        for each in periods
    )
    return now, before


def _shown_ways(found: Sequence[Ways], before: Sequence[Ways]) -> list[CameraWays]:
    if not before:
        return [show_ways(each) for each in found]
    return [show_ways_change(now, then) for now, then in zip(found, before, strict=True)]


def _heat(connection: Connection, context: WebContext, asked: Asked) -> list[Heat] | list[HeatChange]:
    names = [camera.name for camera in asked.chosen if camera.heat_map]
    choice, now, k = asked.choice, context.clock(), context.settings.anonymity.k
    if not names:
        return []
    if choice.other is not None:
        return read_heat_change(connection, choice.period, choice.other, names, now, k)
    return read_heat(connection, choice.period, names, now, k)


def _shown_heat(found: Sequence[Heat | HeatChange], plan: FloorPlan) -> tuple[list[CameraHeat], tuple[HeatCell, ...]]:
    """Each camera's, and what of it lies on the plan."""
    changes = [each for each in found if isinstance(each, HeatChange)]
    if changes:
        shown = [show_heat_change(each, plan.placing(each.camera)) for each in changes]
        return shown, heat_change_on_plan(changes, plan)
    heats = [each for each in found if isinstance(each, Heat)]
    return [show_heat(each, plan.placing(each.camera)) for each in heats], heat_on_plan(heats, plan)


@dataclass(frozen=True)
class Sheet:
    """What is taken away: as a table, and the title and facts of the same for paper."""

    title: str
    csv: str
    facts: dict[str, Any]


def _stays_sheet(connection: Connection, context: WebContext, asked: Asked) -> Sheet:
    found, choice = _stays(connection, context, asked), asked.choice
    table = stays_csv(connection, choice.period, choice.kind, found, choice.other)
    return Sheet(gettext("Time in zones"), table, stays_facts(_shown_stays(asked, found)))


def _ways_sheet(connection: Connection, context: WebContext, asked: Asked) -> Sheet:
    found, before = _ways(connection, context, asked)
    table = ways_csv(connection, asked.choice.period, found, asked.choice.other, before)
    return Sheet(gettext("Ways between zones"), table, ways_facts(_shown_ways(found, before)))


def _heat_sheet(connection: Connection, context: WebContext, asked: Asked) -> Sheet:
    found, plan = _heat(connection, context, asked), floor_plan.read(connection)
    table = heat_csv(connection, asked.choice.period, found, asked.choice.other)
    return Sheet(gettext("Heat map"), table, heat_facts(*_shown_heat(found, plan), plan))


SHEETS: dict[str, Callable[[Connection, WebContext, Asked], Sheet]] = {
    "stays": _stays_sheet,
    "ways": _ways_sheet,
    "heat": _heat_sheet,
}


def _pdf(context: WebContext, choice: FloorChoice, sheet: Sheet, user: str, now: datetime) -> bytes:
    site = context.settings.site
    made = gettext(
        "%(site)s · made on %(moment)s, by %(user)s", site=site.name, moment=moment(now, site.zone), user=user
    )
    period = days(choice.period.first, choice.period.last)
    if choice.other:
        other = days(choice.other.first, choice.other.last)
        period = gettext("%(period)s, compared with %(other)s", period=period, other=other)
    return make_sheet(sheet.title, period, site.name, made, sheet.facts, now)


def _page(template: str, context: WebContext, asked: Asked, **values: object) -> str:
    today = context.clock().astimezone(context.settings.site.zone).date()
    period, other = asked.choice.period, asked.choice.other
    return render_template(
        template,
        choice=asked.choice,
        cameras=asked.cameras,
        problem=asked.problem,
        today=today.isoformat(),
        against=AGAINST,
        period=days(period.first, period.last),
        other_period=days(other.first, other.last) if other else "",
        hours=_unequal(context, asked),
        presets=list(presets(asked.choice, today)),
        **values,
    )


def _unequal(context: WebContext, asked: Asked) -> list[str]:
    """Which cameras did not watch for as long in both periods, where two are compared."""
    choice = asked.choice
    if choice.other is None:
        return []
    names, k = [camera.name for camera in asked.chosen], context.settings.anonymity.k
    with reading(context.engine) as connection:
        found = unequal_hours(connection, choice.period, choice.other, names, context.clock(), k)
    return describe_hours(found)
