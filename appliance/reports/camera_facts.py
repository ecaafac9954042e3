"""The cameras in a report: what people say of each, how it is set up, and when it saw nothing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from appliance.audit import log
from appliance.audit.log import Action, Entry
from appliance.language import Sentence, marked, sentence
from appliance.reports.period import Period
from appliance.storage import camera_records
from appliance.storage.camera_records import CameraRecord
from appliance.storage.cameras import Camera, ZoneSetting

Facts = dict[str, Any]

SOURCES = {
    "rtsp": marked("network camera (RTSP)"),
    "rtsps": marked("network camera (RTSP over TLS)"),
    "http": marked("network camera (HTTP)"),
    "https": marked("network camera (HTTPS)"),
}
MOUNTINGS = {"oblique": marked("looks from the side"), "overhead": marked("looks straight down")}
ENGINE = "engine"
# Of the time before the period: as many entries as tell what each camera did last, on any site there is.
MOST_READ_BEFORE = 1000
STATES: tuple[Action, ...] = ("camera-state",)
PROGRAM: tuple[Action, ...] = ("started", "stopped")
SEES = "streaming"


def cameras(
    connection: Connection,
    known: Sequence[Camera],
    counts: Facts,
    entries: Sequence[Entry],
    period: Period,
    now: datetime,
) -> list[Facts]:
    """The cameras as they are set up now, then those that were counted and have been removed since.

    Of a source only its kind is told: an address may hold a credential, and a path a person's name.
    """
    records, told = camera_records.read(connection), _record_entries(connection)
    added = _additions(connection)
    hours = {row["camera"]: row for row in counts["cameras"]}
    outages = find_outages(connection, entries, period, now)
    present = {camera.name: camera for camera in known}
    return [
        {
            "name": name,
            **_stated(records.get(name, CameraRecord(name))),
            **_set_up(present.get(name)),
            "observed_hours": hours[name]["observed_hours"] if name in hours else 0.0,
            "unreliable_hours": hours[name]["unreliable_hours"] if name in hours else 0.0,
            "outages": outages.get(name, []),
            "entry": added.get(name),
            "record_entry": told.get(name) if name in records else None,
        }
        for name in dict.fromkeys((*present, *hours))
    ]


def program_stops(connection: Connection, entries: Sequence[Entry], period: Period, now: datetime) -> list[Facts]:
    """When the program that watches the cameras did not run, as far as it said so; a power cut leaves no word."""
    before = log.entries(connection, end=period.start, actions=PROGRAM, newest_first=True, limit=MOST_READ_BEFORE)
    last = next((each for each in before if each.event.subject == ENGINE), None)
    stops: list[Facts] = []
    if last is not None and last.event.action == "stopped":
        stops.append(_outage(period, now, period.start, last))
    for entry in entries:
        if entry.event.subject != ENGINE or entry.event.action not in PROGRAM:
            continue
        open_stop = stops[-1] if stops and stops[-1]["until"] is None else None
        if entry.event.action == "stopped" and open_stop is None:
            stops.append(_outage(period, now, entry.time, entry))
        elif entry.event.action == "started" and open_stop is not None:
            _end(open_stop, period, entry)
    return stops


def find_outages(
    connection: Connection, entries: Sequence[Entry], period: Period, now: datetime
) -> Mapping[str, list[Facts]]:
    """For each camera when it gave no picture: from the entry that it was lost to the one that it was found.

    The program's own stop or start ends one, since a new start tells anew of what it can't reach.
    """
    found: dict[str, list[Facts]] = defaultdict(list)
    going_on: dict[str, Facts] = {}
    for name, entry in _last_states(connection, period.start).items():
        if entry.event.details.get("state") != SEES:
            going_on[name] = _outage(period, now, period.start, entry)
            found[name].append(going_on[name])
    for entry in entries:
        event = entry.event
        if event.action in PROGRAM and event.subject == ENGINE:
            for outage in going_on.values():
                _end(outage, period, entry)
            going_on.clear()
        elif event.action == "camera-state":
            if event.details.get("state") == SEES:
                if event.subject in going_on:
                    _end(going_on.pop(event.subject), period, entry)
            elif event.subject not in going_on:
                going_on[event.subject] = _outage(period, now, entry.time, entry)
                found[event.subject].append(going_on[event.subject])
    return found


def _last_states(connection: Connection, moment: datetime) -> dict[str, Entry]:
    """What each camera did last before the moment, since the program started."""
    last: dict[str, Entry] = {}
    actions = (*STATES, *PROGRAM)
    for entry in log.entries(connection, end=moment, actions=actions, newest_first=True, limit=MOST_READ_BEFORE):
        if entry.event.action in PROGRAM:
            if entry.event.subject == ENGINE:
                break
        else:
            last.setdefault(entry.event.subject, entry)
    return last


def _outage(period: Period, now: datetime, since: datetime, entry: Entry) -> Facts:
    """One that goes on: to the period's end, or to now, if nothing ends it."""
    return {
        "since": period.local(since),
        "until": None,
        "seconds": round((min(now, period.end) - since).total_seconds()),
        "reason": str(entry.event.details.get("reason", "")),
        "entry": entry.number,
        "until_entry": None,
    }


def _end(outage: Facts, period: Period, entry: Entry) -> None:
    since = datetime.fromisoformat(outage["since"])
    seconds = round((entry.time - since).total_seconds())
    outage.update(until=period.local(entry.time), until_entry=entry.number, seconds=seconds)


def _stated(record: CameraRecord) -> Facts:
    return {
        "location": record.location,
        "field_of_view": record.field_of_view,
        "signs": record.signs,
        "signs_seen": record.signs_seen,
    }


def _set_up(camera: Camera | None) -> Facts:
    if camera is None:
        nothing: Facts = {"lines": [], "zones": [], "masks": [], "ignored": []}
        options: Facts = {"mounting": "", "heat_map": False, "vehicle_labels": False}
        return {"source": "", "configured": False, "enabled": False, **options, **nothing}
    return {
        "source": _kind_of_source(camera.source),
        "configured": True,
        "enabled": camera.enabled,
        "mounting": sentence(MOUNTINGS[camera.mounting]),
        "heat_map": camera.heat_map,
        "vehicle_labels": camera.vehicle_labels,
        "lines": [{"name": line.name, "points": [[line.x1, line.y1], [line.x2, line.y2]]} for line in camera.lines],
        "zones": _regions(camera.zones),
        "masks": _regions(camera.masks),
        "ignored": _regions(camera.ignored),
    }


def _regions(regions: Iterable[ZoneSetting]) -> list[Facts]:
    return [{"name": region.name, "points": [list(point) for point in region.points]} for region in regions]


def _kind_of_source(source: str) -> Sentence:
    if source.startswith("/dev/"):
        return sentence("camera on this machine")
    return sentence(SOURCES.get(urlsplit(source).scheme.lower(), marked("video file")))


def _additions(connection: Connection) -> dict[str, int]:
    """For each camera the entry of its latest addition."""
    return {entry.event.subject: entry.number for entry in log.entries(connection, actions=("camera-added",))}


def _record_entries(connection: Connection) -> dict[str, int]:
    """For each camera the entry of the last change of what people say of it."""
    changes = log.entries(connection, actions=("camera-changed",))
    return {each.event.subject: each.number for each in changes if _is_record(each)}


def _is_record(entry: Entry) -> bool:
    return str(entry.event.details.get("change", "")).startswith("record: ")
