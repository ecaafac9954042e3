"""`veilsight demo`: sets a site up, plays the clip as its camera, and serves the page."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from appliance.audit.log import Event, append
from appliance.audit.verification import verify
from appliance.reports.build import build_report
from appliance.reports.counts import collect_counts
from appliance.reports.period import Period
from appliance.services.keeping import settle
from appliance.services.setup import FirstStart, set_up
from appliance.services.supervisor import start_programs, wait_for_programs
from appliance.settings import Paths, Settings
from appliance.storage import cameras, measurements, users
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting
from appliance.storage.database import reading
from appliance.storage.site import open_site
from appliance.vision.catalogue import load_catalogue
from appliance.vision.fetching import pull
from appliance.vision.live import LiveClient, LiveUnavailable
from appliance.web.account import readable_password

CAMERA = "footpath"
# Across the footpath of PETS 2009 S2.L1, view 1, and around the place where its paths meet.
LINE = LineSetting("footpath", 0.45, 0.25, 0.45, 0.95)
ZONE = ZoneSetting("junction", ((0.30, 0.35), (0.75, 0.35), (0.85, 0.75), (0.25, 0.75)))
ACTOR = "demo"


@dataclass(frozen=True)
class Outcome:
    """What a demonstration that ended by itself has to show; `lines` as the mode `anonymity` lets them be shown."""

    frames: int
    anonymity: str
    lines: Mapping[str, Mapping[str, Mapping[str, int]]]
    stored_buckets: int
    report: Path
    audit: str

    def as_json(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "anonymity": self.anonymity,
            "lines": {
                name: {kind: dict(counts) for kind, counts in kinds.items()} for name, kinds in self.lines.items()
            },
            "stored_buckets": self.stored_buckets,
            "report": str(self.report),
            "audit": self.audit,
        }


def state_directory(environment: Mapping[str, str]) -> Path:
    """The demonstration's own state directory, apart from a real site's."""
    home = Path(environment.get("HOME") or Path.home())
    return Path(environment.get("XDG_STATE_HOME") or home / ".local" / "state") / "veilsight-demo"


def cache_directory(environment: Mapping[str, str]) -> Path:
    home = Path(environment.get("HOME") or Path.home())
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "veilsight"


def prepare_site(
    paths: Paths, settings: Settings, clip: Path, say: Callable[[str], None] = lambda _text: None
) -> FirstStart:
    """Fetch the networks if need be, set the site up, and make the clip its one camera."""
    pull(load_catalogue().pack(settings.analysis.pack), paths.models, None, say)
    first_start = set_up(paths, settings)
    site = open_site(paths)
    camera = Camera(CAMERA, str(clip.resolve()), lines=(LINE,), zones=(ZONE,), loop=True, realtime=True)
    with site.engine.begin() as connection:
        present = cameras.get(connection, CAMERA)
        if present != camera:
            if present is not None:
                cameras.remove(connection, CAMERA)
            cameras.add(connection, camera)
            append(connection, Event(ACTOR, "camera-added", CAMERA, details={"source": clip.name}))
        # Nobody keeps a demonstration's password: each one shows a new one, which need not be changed.
        first_start = replace(first_start, password=readable_password())
        users.set_password(connection, first_start.user, first_start.password or "")
        append(connection, Event(ACTOR, "password-changed", first_start.user))
    site.engine.dispose()
    return first_start


def play(paths: Paths, stop: threading.Event, seconds: float | None, started: Callable[[], None]) -> int:
    """Run the three programs until `stop` is set or the seconds are over; returns how many frames were analysed."""
    with start_programs(paths) as programs:
        started()
        wait_for_programs(programs, stop, seconds)
        return _frames_analysed(paths)


def conclude(paths: Paths, settings: Settings, frames: int) -> Outcome:
    """Build the day's report, check the audit log, and add up what was stored.

    The engine has stopped for good, so its open bucket is released early, with the same noise as a whole one.
    """
    site = open_site(paths)
    settle(site, paths.memory)
    now = datetime.now(settings.site.zone)
    today = now.date()
    report = build_report(paths, settings, site.engine, today, today, ACTOR)
    with reading(site.engine) as connection:
        verify(connection, site.public_key, site.origin)
        lines = _line_totals(connection, today, settings, now)
        buckets = measurements.count_buckets(connection)
        return Outcome(frames, settings.anonymity.mode, lines, buckets, report.path, "verified")


def _frames_analysed(paths: Paths) -> int:
    try:
        status = LiveClient(paths.live_socket).status()
    except LiveUnavailable:
        return 0
    return sum(camera["analysed_frames"] for camera in status["cameras"])


def _line_totals(
    connection: Connection, day: date, settings: Settings, now: datetime
) -> dict[str, dict[str, dict[str, int]]]:
    """The day's crossings as they may be shown."""
    period = Period(day, day, settings.site.zone)
    counts = collect_counts(connection, period, cameras.list_cameras(connection), now, settings.anonymity.k)
    totals: dict[str, dict[str, dict[str, int]]] = {}
    for line in (line for camera in counts["cameras"] for line in camera["lines"]):
        totals.setdefault(line["line"], {})[line["kind"]] = {way: max(0, line[way]) for way in ("in", "out")}
    return totals
