"""How each camera is: its state, its rates and delays in words, and what happened to it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from appliance.audit import log
from appliance.audit.log import Action, Entry
from appliance.storage.cameras import Camera
from appliance.web.audit import ACTION_WORDS, describe_actor, describe_details
from appliance.web.present import STATE_WORDS, describe_behind, describe_tampering, is_well
from appliance.web.status import CameraStatus, EngineStatus
from appliance.web.words import moment, plural

HISTORY: tuple[Action, ...] = (
    "camera-added",
    "camera-changed",
    "camera-removed",
    "camera-state",
    "camera-tampering",
    "redaction-failed",
)
HISTORY_SPAN = timedelta(days=30)
MOST_READ = 2000
MOST_SHOWN = 20
LOST_AND_FOUND = {
    "streaming": "Pictures come",
    "failed": "No picture",
    "stalled": "No picture",
    "ended": "The recording has ended",
    "disabled": "Switched off",
}


@dataclass(frozen=True)
class CameraHealth:
    """What is shown of a camera's health; empty texts where nothing is known. `tone` is that of the state's pill."""

    name: str
    tone: str
    state: str
    pictures: str = ""
    stream: str = ""
    delay: str = ""
    problem: str = ""


@dataclass(frozen=True)
class HistoryRow:
    """One thing that happened to a camera, as text."""

    time: str
    what: str
    details: str
    actor: str


def describe_health(camera: Camera, status: EngineStatus | None) -> CameraHealth:
    if not camera.enabled:
        return CameraHealth(camera.name, "", "Switched off")
    if status is None:
        return CameraHealth(camera.name, "warn", "Not watched", problem="The engine is not running.")
    now = status.camera(camera.name)
    # Just switched on, the engine still says otherwise for a moment.
    if now is None or now.state == "disabled":
        return CameraHealth(camera.name, "", "Starting")
    problem = problem_of(now, status)
    if is_well(now):
        return CameraHealth(
            camera.name,
            "warn" if problem else "good",
            "Running",
            f"{now.analysed_rate:.1f} of {now.input_rate:.1f} a second analysed",
            describe_stream(now),
            describe_delay(now),
            problem,
        )
    words = STATE_WORDS.get(now.state, now.state or "state unknown")
    tone = {"failed": "bad", "stalled": "bad"}.get(now.state, "")
    return CameraHealth(camera.name, tone, words[:1].upper() + words[1:], problem=problem)


def problem_of(now: CameraStatus, status: EngineStatus) -> str:
    """What somebody should mend, in sentences."""
    sentences = [
        now.last_error or "",
        describe_behind(now) if now.behind else "",
        describe_tampering(now) if now.tampering_words else "",
        *status.advice.get(now.name, ()),
    ]
    return " ".join(filter(None, sentences))


def describe_stream(now: CameraStatus) -> str:
    """Its size, codec and transport, such as: h264, by TCP."""
    parts = [f"{now.width} \N{MULTIPLICATION SIGN} {now.height}" if now.width else "", now.codec]
    return ", ".join(filter(None, [*parts, f"by {now.transport.upper()}" if now.transport else ""]))


def describe_delay(now: CameraStatus) -> str:
    """How long after its arrival a picture is counted; the median of the last minute."""
    if not now.delay_to_count:
        return ""
    return f"counted {now.delay_to_count.get('p50', 0.0):.2f} s after a picture arrives"


def describe_places(camera: Camera) -> str:
    """Such as 1 line, 2 zones."""
    counted = (
        (len(camera.lines), "line", "lines"),
        (len(camera.zones), "zone", "zones"),
        (len(camera.masks), "privacy mask", "privacy masks"),
        (len(camera.ignored), "ignored region", "ignored regions"),
    )
    return ", ".join(f"{number} {plural(number, one, many)}" for number, one, many in counted if number)


def read_history(connection: Connection, now: datetime) -> dict[str, list[Entry]]:
    """What happened to each camera within `HISTORY_SPAN`, by its name, the newest first."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in log.entries(connection, now - HISTORY_SPAN, actions=HISTORY, newest_first=True, limit=MOST_READ):
        if len(found[entry.event.subject]) < MOST_SHOWN:
            found[entry.event.subject].append(entry)
    return found


def describe_history(entries: Sequence[Entry], zone: ZoneInfo) -> list[HistoryRow]:
    return [_describe(entry, zone) for entry in entries]


def _describe(entry: Entry, zone: ZoneInfo) -> HistoryRow:
    event, time = entry.event, moment(entry.time, zone)
    if event.action == "camera-state":
        state = str(event.details.get("state", ""))
        what = LOST_AND_FOUND.get(state, ACTION_WORDS["camera-state"])
        return HistoryRow(time, what, str(event.details.get("reason", "")), describe_actor(event.actor))
    what = ACTION_WORDS.get(event.action, event.action)
    return HistoryRow(time, what, describe_details(event), describe_actor(event.actor))
