"""How each camera is: its state, its rates and delays in words, and what happened to it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from appliance.audit import log
from appliance.audit.log import Action, Entry
from appliance.language import marked
from appliance.storage.cameras import Camera
from appliance.storage.counting_checks import CountingCheck
from appliance.web.audit import ACTION_WORDS, describe_action, describe_actor, describe_details
from appliance.web.present import describe_behind, describe_state, describe_tampering, is_well
from appliance.web.status import CameraStatus, EngineStatus
from appliance.web.wording import gettext, ngettext, this_language, translated
from appliance.web.words import duration, moment

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
PERCENTILES = ("p50", "p95", "p99")
LOST_AND_FOUND = {
    "streaming": marked("Pictures come"),
    "failed": marked("No picture"),
    "stalled": marked("No picture"),
    "ended": marked("The recording has ended"),
    "disabled": marked("Switched off"),
}


@dataclass(frozen=True)
class CameraHealth:
    """What is shown of a camera's health; empty texts where nothing is known. `tone` is that of the state's pill."""

    name: str
    tone: str
    state: str
    pictures: str = ""
    stream: str = ""
    decoder: str = ""
    delay: str = ""
    lost: str = ""
    problem: str = ""


@dataclass(frozen=True)
class CheckRow:
    """One check of the count by eye, as text."""

    time: str
    actor: str
    minutes: str
    accuracy: str


@dataclass(frozen=True)
class HistoryRow:
    """One thing that happened to a camera, as text."""

    time: str
    what: str
    details: str
    actor: str


def describe_health(camera: Camera, status: EngineStatus | None) -> CameraHealth:
    if not camera.enabled:
        return CameraHealth(camera.name, "", gettext("Switched off"))
    if status is None:
        return CameraHealth(camera.name, "warn", gettext("Not watched"), problem=gettext("The engine is not running."))
    now = status.camera(camera.name)
    # Just switched on, the engine still says otherwise for a moment.
    if now is None or now.state == "disabled":
        return CameraHealth(camera.name, "", gettext("Starting"))
    problem = problem_of(now, status)
    if is_well(now):
        return CameraHealth(
            camera.name,
            "warn" if problem else "good",
            gettext("Running"),
            gettext(
                "%(analysed)s of %(input)s a second analysed",
                analysed=this_language().number(now.analysed_rate, 1),
                input=this_language().number(now.input_rate, 1),
            ),
            describe_stream(now),
            describe_decoder(now),
            describe_delay(now),
            describe_lost(now),
            problem,
        )
    words = describe_state(now)
    tone = {"failed": "bad", "stalled": "bad"}.get(now.state, "")
    return CameraHealth(camera.name, tone, words[:1].upper() + words[1:], problem=problem)


def problem_of(now: CameraStatus, status: EngineStatus) -> str:
    """What somebody should mend, in sentences."""
    sentences = [
        status.told(now.last_error or ""),
        describe_behind(now) if now.behind else "",
        describe_tampering(now) if now.tampering_words else "",
        *map(status.told, status.advice.get(now.name, ())),
    ]
    return " ".join(filter(None, sentences))


def describe_stream(now: CameraStatus) -> str:
    """Its size, codec and transport, such as: h264, by TCP."""
    transport = gettext("by %(transport)s", transport=now.transport.upper()) if now.transport else ""
    parts = [f"{now.width} \N{MULTIPLICATION SIGN} {now.height}" if now.width else "", now.codec]
    return ", ".join(filter(None, [*parts, transport]))


def describe_decoder(now: CameraStatus) -> str:
    """What decodes its video, and why that is not hardware."""
    if not now.decoder:
        return ""
    if now.decoder != "software":
        return gettext("by hardware (%(kind)s)", kind=now.decoder)
    return gettext("by the processor: %(why)s", why=translated(now.decoder_reason) or gettext("no reason is known"))


def describe_delay(now: CameraStatus) -> str:
    """How long after its arrival a picture is counted, and shown to who looks: percentiles of the last minute."""
    parts = []
    if now.delay_to_count:
        parts.append(
            gettext(
                "counted %(p50)s s after a picture arrives (95 %% within %(p95)s s, 99 %% within %(p99)s s)",
                **_seconds(now.delay_to_count),
            )
        )
    if now.delay_to_picture:
        parts.append(
            gettext(
                "shown %(p50)s s after it arrives (95 %% within %(p95)s s, 99 %% within %(p99)s s)",
                **_seconds(now.delay_to_picture),
            )
        )
    return "; ".join(parts)


def _seconds(delay: Mapping[str, float]) -> dict[str, str]:
    return {name: this_language().number(delay.get(name, 0.0), 2) for name in PERCENTILES}


def describe_lost(now: CameraStatus) -> str:
    """What was not analysed for want of time, and how often the camera was away, since the engine began with it."""
    dropped = ngettext("%(num)s picture dropped", "%(num)s pictures dropped", now.dropped_frames)
    reconnects = ngettext("%(num)s reconnect", "%(num)s reconnects", now.reconnects)
    return f"{dropped}, {reconnects}"


def describe_places(camera: Camera) -> str:
    """Such as 1 line, 2 zones."""
    counted = (
        (len(camera.lines), ngettext("%(num)s line", "%(num)s lines", len(camera.lines))),
        (len(camera.zones), ngettext("%(num)s zone", "%(num)s zones", len(camera.zones))),
        (len(camera.masks), ngettext("%(num)s privacy mask", "%(num)s privacy masks", len(camera.masks))),
        (len(camera.ignored), ngettext("%(num)s ignored region", "%(num)s ignored regions", len(camera.ignored))),
    )
    return ", ".join(words for number, words in counted if number)


def read_history(connection: Connection, now: datetime) -> dict[str, list[Entry]]:
    """What happened to each camera within `HISTORY_SPAN`, by its name, the newest first."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in log.entries(connection, now - HISTORY_SPAN, actions=HISTORY, newest_first=True, limit=MOST_READ):
        if len(found[entry.event.subject]) < MOST_SHOWN:
            found[entry.event.subject].append(entry)
    return found


def describe_checks(checks: Sequence[CountingCheck], zone: ZoneInfo) -> list[CheckRow]:
    """The newest first; `checks` are the oldest first."""
    return [
        CheckRow(
            moment(each.checked, zone),
            each.user,
            duration(each.seconds),
            f"{each.accuracy:.0%} ({each.difference:+.0%})" if each.difference else f"{each.accuracy:.0%}",
        )
        for each in reversed(checks)
    ]


def describe_history(entries: Sequence[Entry], zone: ZoneInfo) -> list[HistoryRow]:
    return [_describe(entry, zone) for entry in entries]


def _describe(entry: Entry, zone: ZoneInfo) -> HistoryRow:
    event, time = entry.event, moment(entry.time, zone)
    if event.action == "camera-state":
        state = str(event.details.get("state", ""))
        what = translated(LOST_AND_FOUND.get(state, ACTION_WORDS["camera-state"]))
        return HistoryRow(time, what, str(event.details.get("reason", "")), describe_actor(event.actor))
    what = describe_action(event.action)
    told = event.details.get("change") or event.details.get("source")
    return HistoryRow(time, what, str(told or describe_details(event)), describe_actor(event.actor))
