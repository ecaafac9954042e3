"""The operations of the JSON API. They only read; what is taken away with them is written into the audit log."""

import hashlib
from collections.abc import Mapping
from urllib.parse import quote

import msgspec
from flask import Blueprint, Response, current_app
from sqlalchemy import Connection
from werkzeug.exceptions import BadRequest, NotFound

from appliance.audit import checkpoint, log
from appliance.audit.log import Entry, Event
from appliance.audit.proof import growth_text, prove_growth
from appliance.errors import UsageError
from appliance.reports.build import list_reports
from appliance.reports.exploration import SUBJECTS, Answer, Question, Told, Unit, explore
from appliance.reports.period import Period, make_period
from appliance.storage import cameras as stored_cameras
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.web import reports as report_pages
from appliance.web.api import shapes
from appliance.web.api.describing import JSON, Operation, answer, describes, read_query
from appliance.web.api.document import describe
from appliance.web.audit_entry import covering_checkpoint, proof_text
from appliance.web.audit_seal import describe_problem, need_seal
from appliance.web.camera_health import problem_of
from appliance.web.choice import places
from appliance.web.context import WebContext, this_context
from appliance.web.counts import CameraPlaces
from appliance.web.present import is_well, present_numbers
from appliance.web.roles import Permission, allows
from appliance.web.security import API, taken_to, this_session
from appliance.web.status import EngineStatus, read_status

blueprint = Blueprint("api", __name__, url_prefix=API.rstrip("/"))

TEXT = "text/plain"


@blueprint.get("/openapi.json")
@allows(Permission.OWN_ACCOUNT)
@describes(Operation(shapes.Document))
def document() -> Response:
    """This description."""
    return Response(msgspec.json.encode(describe(current_app, this_context().settings.site.name)), mimetype=JSON)


@blueprint.get("/today")
@allows(Permission.NUMBERS)
@describes(Operation(shapes.Today))
def today() -> Response:
    """The day so far: who came and went, by the hour, and who is where now."""
    context = this_context()
    now, zone = context.clock(), context.settings.site.zone
    day = now.astimezone(zone).date()
    with reading(context.engine) as connection:
        entered, left = (_explore(connection, context, way, Period(day, day, zone)) for way in ("in", "out"))
    status, present = read_status(context.live), present_numbers(context).now
    hours = [
        shapes.Hour(one.start, one.end, _number(one.told), _number(other.told))
        for one, other in zip(entered.points, left.points, strict=True)
    ]
    return answer(
        shapes.Today(
            site=context.settings.site.name,
            time=now,
            day=day,
            engine_running=status is not None,
            entered=_number(entered.whole),
            left=_number(left.whole),
            inside=None if present is None else present.inside,
            hours=hours,
            zones=[] if status is None else _zones(status),
        )
    )


@blueprint.get("/counts")
@allows(Permission.NUMBERS)
@describes(Operation(shapes.Counts, shapes.CountsQuery))
def counts() -> Response:
    """One measure over time, at one place or at all of them.

    Quarters of an hour are told for four days at most, hours for sixteen, days for 400, weeks and months for five
    years.
    """
    context = this_context()
    query = read_query(shapes.CountsQuery)
    now, zone = context.clock(), context.settings.site.zone
    try:
        period = make_period(query.first, query.last, zone, now.astimezone(zone).date())
        with reading(context.engine) as connection:
            chosen = _places(connection, query)
            question = Question(SUBJECTS[query.measure], chosen, period, query.unit)
            found = explore(connection, question, now, context.settings.anonymity.k)
    except UsageError as error:
        raise BadRequest(str(error)) from error
    points = [shapes.Point(point.start, point.end, _number(point.told)) for point in found.points]
    told_in = SUBJECTS[query.measure].told_in
    return answer(
        shapes.Counts(query.measure, query.unit, query.first, query.last, told_in, _number(found.whole), points)
    )


@blueprint.get("/cameras")
@allows(Permission.HEALTH)
@describes(Operation(shapes.Cameras))
def cameras() -> Response:
    """Whether each camera works, and what is counted there."""
    context = this_context()
    status = read_status(context.live)
    with reading(context.engine) as connection:
        known = stored_cameras.list_cameras(connection)
    return answer(shapes.Cameras(status is not None, [_health(camera, status) for camera in known]))


@blueprint.get("/reports")
@allows(Permission.REPORTS)
@describes(Operation(shapes.Reports))
def reports() -> Response:
    """The reports that were built, the newest first."""
    context = this_context()
    found = [
        shapes.Report(
            name=each.name,
            first=each.first,
            last=each.last,
            built=each.built,
            by=each.actor,
            schedule=each.schedule,
            bytes=each.byte_count,
            sha256=each.sha256,
            state=each.state,
            checked=each.checked,
        )
        for each in list_reports(context.engine, context.paths)
    ]
    return answer(shapes.Reports(found))


@blueprint.get("/reports/<name>/<any(pdf, signature, json, csv):part>")
@allows(Permission.REPORTS)
@describes(Operation(media=tuple(media for _, media in report_pages.PARTS.values())))
def report(name: str, part: str) -> Response:
    """A report's PDF, its signature, or what is attached to it."""
    return report_pages.download(name, part)


@blueprint.get("/audit/entries")
@allows(Permission.AUDIT)
@describes(Operation(shapes.Entries, shapes.EntriesQuery))
def entries() -> Response:
    """Entries of the audit log."""
    query = read_query(shapes.EntriesQuery)
    actions = (query.action,) if query.action else None
    with reading(this_context().engine) as connection:
        found = log.entries(connection, query.start, query.end, actions, query.newest_first, query.limit, query.offset)
        return answer(shapes.Entries(log.size(connection), [_entry(each) for each in found]))


@blueprint.get("/audit/verification")
@allows(Permission.AUDIT)
@describes(Operation(shapes.Verification))
def verification() -> Response:
    """Whether the audit log holds; all of it is verified anew every ten minutes."""
    seal = need_seal(this_context())
    problem = describe_problem(seal)
    return answer(shapes.Verification(not problem, problem, seal.time, seal.entries, seal.checkpoint_size))


@blueprint.get("/audit/entries/<int(max=9007199254740991):number>/proof")
@allows(Permission.AUDIT)
@describes(Operation(media=(TEXT,)))
def proof(number: int) -> Response:
    """The proof that an entry is in the log (C2SP tlog-proof), for `veilsight audit verify --proof` or other tools."""
    context = this_context()
    with context.engine.begin() as connection:
        text = proof_text(context, connection, number)
    return Response(text, content_type=TEXT)


@blueprint.get("/audit/growth")
@allows(Permission.AUDIT)
@describes(Operation(shapes.Growth, shapes.GrowthQuery, may_be_missing=True))
def growth() -> Response:
    """The proof that the log only grew since one of its earlier checkpoints, for `veilsight audit verify --proof`."""
    context, query = this_context(), read_query(shapes.GrowthQuery)
    with reading(context.engine) as connection:
        known = {each.size: each for each in checkpoint.stored_checkpoints(connection)}
        if query.size not in known:
            raise NotFound(f"No checkpoint of {query.size} entries was signed.")
        old, new = known[query.size], known[max(known)]
        key = context.site.public_key
        path = prove_growth(connection, checkpoint.read(old.note, key), checkpoint.read(new.note, key))
    return Response(growth_text(old.note, path, new.note), mimetype=JSON)


@blueprint.get("/audit/checkpoint")
@allows(Permission.AUDIT)
@describes(Operation(media=(TEXT,)))
def newest_checkpoint() -> Response:
    """The newest signed checkpoint (C2SP tlog-checkpoint). Who keeps it can later tell whether the log was changed."""
    context = this_context()
    with context.engine.begin() as connection:
        found = covering_checkpoint(connection, context, 1)
        content, origin = found.note.encode(), context.site.origin
        details: dict[str, str | int] = {"size": found.size}
        digest = hashlib.sha256(content).hexdigest()
        actor = this_session().user
        event = Event(actor, "checkpoint-downloaded", origin, "log", len(content), digest, taken_to(), details)
        log.append(connection, event, context.clock())
    return Response(content, content_type=TEXT)


def _explore(connection: Connection, context: WebContext, measure: str, period: Period) -> Answer:
    question = Question(SUBJECTS[measure], None, period, Unit.HOUR)
    return explore(connection, question, context.clock(), context.settings.anonymity.k)


def _places(connection: Connection, query: shapes.CountsQuery) -> frozenset[tuple[str, str]] | None:
    """What the query's camera and place mean. Raises `BadRequest` where there is no such place."""
    known = [CameraPlaces.of(camera) for camera in stored_cameras.list_cameras(connection)]
    if not query.camera:
        if query.place:
            raise BadRequest("A place needs its camera.")
        return places(query.measure, "", known)
    where = "/".join(quote(name, safe="") for name in (query.camera, query.place) if name)
    found = places(query.measure, where, known) or frozenset()
    if not found or any(name != query.camera or (query.place and place != query.place) for name, place in found):
        raise BadRequest("There is no such camera, or no such place there for this measure.")
    return found


def _number(told: Told) -> shapes.Number:
    return shapes.Number(told.value, told.margin, told.at_least)


def _zones(status: EngineStatus) -> list[shapes.ZoneNow]:
    return [
        shapes.ZoneNow(camera, zone, people, status.waiting.get(camera, {}).get(zone))
        for camera, zones in sorted(status.present.items())
        for zone, people in sorted(zones.items())
    ]


def _health(camera: Camera, status: EngineStatus | None) -> shapes.CameraHealth:
    now = status.camera(camera.name) if status else None
    return shapes.CameraHealth(
        name=camera.name,
        enabled=camera.enabled,
        state=now.state if now else "",
        works=now is not None and is_well(now),
        problem=problem_of(now, status) if now and status else "",
        width=now.width if now else 0,
        height=now.height if now else 0,
        arriving=now.input_rate if now else 0.0,
        analysed=now.analysed_rate if now else 0.0,
        dropped=now.dropped_frames if now else 0,
        reconnects=now.reconnects if now else 0,
        decoder=now.decoder if now else "",
        decoder_reason=now.decoder_reason if now else "",
        to_count=_delay(now.delay_to_count) if now else None,
        to_picture=_delay(now.delay_to_picture) if now else None,
        lines=[line.name for line in camera.lines],
        zones=[zone.name for zone in camera.zones],
    )


def _delay(known: Mapping[str, float] | None) -> shapes.Delay | None:
    return shapes.Delay(known["p50"], known["p95"], known["p99"]) if known else None


def _entry(entry: Entry) -> shapes.AuditEntry:
    event = entry.event
    return shapes.AuditEntry(
        number=entry.number,
        time=entry.time,
        actor=event.actor,
        action=event.action,
        subject=event.subject,
        data_class=event.data_class,
        bytes=event.byte_count,
        sha256=event.sha256,
        destination=event.destination,
        details=dict(event.details),
    )
