"""The engine: watches the cameras, counts, and offers redacted pictures on a socket. It opens no other connection.

Cameras, lines and zones are read from the database again twice a second, so that a change there takes effect without a
restart and without disturbing the other cameras. Where only lines or zones were changed, the camera itself goes on too.
"""

import logging
import resource
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from queue import SimpleQueue
from typing import Any

import msgspec

from appliance.audit.log import Action, Event, append
from appliance.errors import VeilsightError
from appliance.language import parts_of, said
from appliance.metrics.buckets import Bucket
from appliance.metrics.geometry import Line, Point, Zone
from appliance.services.examining import EngineExamination
from appliance.services.frame_witness import Frames, FrameWitness
from appliance.services.keeping import Keeping, policy_of, record_policy
from appliance.services.measuring import CameraMeasuring
from appliance.services.network_witness import NetworkWitness, record_networks
from appliance.services.recent_log import RecentLog
from appliance.services.service_manager import ServiceManager
from appliance.services.settings_record import record_settings
from appliance.services.setup import program_actor
from appliance.services.trying import CameraTrials
from appliance.settings import Paths, Settings
from appliance.storage import cameras
from appliance.storage.cameras import Camera, ZoneSetting
from appliance.storage.database import reading
from appliance.storage.site import Site, open_site
from appliance.vision.camera_status import CameraStatus
from appliance.vision.detections import Track
from appliance.vision.live import Hub, LiveServer
from appliance.vision.pipeline import DEFAULT_RATE, CameraSource, run_camera
from appliance.vision.runtime import Detectors, DeviceChange, open_detectors
from appliance.vision.turns import Turns

ACTOR = program_actor("engine")
LOOK_EVERY_SECONDS = 0.5
STOP_SECONDS = 10.0
# A camera that is stopped has ended after this time, unless its device hangs; then the others do not wait for it.
USUAL_STOP_SECONDS = 0.5

# What an engine that is starting has nothing to say of yet.
ANSWERED = ("failures", "present", "waiting", "entered", "advice", "sentences")

logger = logging.getLogger(__name__)


class Observer:
    """Hands what a camera's thread reports to who counts it, who may be changed meanwhile."""

    def __init__(self, measuring: CameraMeasuring) -> None:
        self._lock = threading.Lock()
        self.measuring = measuring

    def observe(self, moment: datetime, monotonic: float, tracks: Sequence[Track], width: int, height: int) -> None:
        with self._lock:
            self.measuring.observe(moment, monotonic, tracks, width, height)

    def mark_unreliable(self, seconds: float) -> None:
        with self._lock:
            self.measuring.mark_unreliable(seconds)

    def change(self, begin: Callable[[CameraMeasuring], CameraMeasuring]) -> None:
        """Let another take over; no frame comes between the two."""
        with self._lock:
            self.measuring = begin(self.measuring)


@dataclass(frozen=True)
class RunningCamera:
    """A camera at work: its thread, who counts, and its state."""

    camera: Camera
    observer: Observer
    status: CameraStatus
    stop: threading.Event
    thread: threading.Thread


class Engine:
    """The cameras at work on one set of networks. Used by one thread, but for `status`, which any may call."""

    def __init__(self, site: Site, settings: Settings, detectors: Detectors, hub: Hub, keeping: Keeping) -> None:
        self._site = site
        self._settings = settings
        self._detectors = detectors
        self._hub = hub
        self._keeping = keeping
        self._turns = Turns()
        self._running: dict[str, RunningCamera] = {}
        self._ending: dict[str, RunningCamera] = {}
        self._disabled: tuple[str, ...] = ()
        self._ended_frames = Frames()
        self._started = datetime.now(UTC)

    def follow(self, wanted: Sequence[Camera]) -> None:
        """Start the cameras that are new, stop those that have gone or are disabled, restart those that were changed.

        One that does not end in time is waited for at the next call; until then no other of its name is started.
        """
        by_name = {camera.name: camera for camera in wanted if camera.enabled}
        self._disabled = tuple(camera.name for camera in wanted if not camera.enabled)
        for name, running in list(self._running.items()):
            camera = by_name.get(name)
            if camera == running.camera:
                continue
            if camera is not None and _without_places(camera) == _without_places(running.camera):
                self._running[name] = self._count_anew(running, camera)
            else:
                running.stop.set()
                self._ending[name] = self._running.pop(name)
        self._finish(USUAL_STOP_SECONDS)
        for name, camera in by_name.items():
            if name not in self._running and name not in self._ending:
                self._running[name] = self._start(camera)

    def tick(self, now: datetime) -> None:
        """Store the buckets whose time is over. A failure to store is logged; the bucket waits for the next time."""
        self._keeping.tick(now)

    def close(self) -> None:
        """Stop all cameras; what they counted is kept for the next start."""
        for name, running in self._running.items():
            running.stop.set()
            self._ending[name] = running
        self._running.clear()
        self._finish(STOP_SECONDS)
        for running in self._ending.values():
            logger.error("The camera %s does not end; what it counts from now on is lost.", running.camera.name)
            self._keeping.leave(running.observer.measuring)
        self._keeping.close()

    def status(self) -> dict[str, Any]:
        """What the engine says about itself: states and counts, no picture and no track."""
        running = list(self._running.values())
        buckets = [bucket for each in running if (bucket := each.observer.measuring.open_bucket())]
        newest = max((bucket.start for bucket in buckets), default=None)
        states = [*(each.status.as_json() for each in running), *map(_disabled, self._disabled)]
        failures = {task: said(error) for task, error in self._detectors.failures.items()}
        advice = {each.camera.name: each.observer.measuring.advice() for each in running}
        # What people are told in these, so that a page can say it in another language.
        texts = [*(each["last_error"] for each in states), *failures.values(), *chain.from_iterable(advice.values())]
        return {
            "starting": False,
            "started": self._started.isoformat(timespec="seconds"),
            "cameras": states,
            "networks": msgspec.to_builtins(self._detectors.networks),
            "failures": failures,
            "open_bucket": newest
            and _describe([bucket for bucket in buckets if bucket.start == newest], self._settings.anonymity.mode),
            "present": {each.camera.name: each.observer.measuring.present() for each in running},
            "waiting": {each.camera.name: each.observer.measuring.waiting() for each in running},
            "entered": {each.camera.name: each.observer.measuring.entered(_inner(each.camera)) for each in running},
            "advice": advice,
            "sentences": {text: parts for text in texts if (parts := parts_of(text))},
        }

    def frames(self) -> Frames:
        """How many frames there were since the start, over all cameras that ran."""
        at_work = (each.status for each in (*self._running.values(), *self._ending.values()))
        return sum((_frames(status) for status in at_work), start=self._ended_frames)

    def _start(self, camera: Camera) -> RunningCamera:
        observer = Observer(self._begin(camera))
        source = CameraSource(
            camera.name,
            camera.source,
            camera.username,
            camera.password,
            camera.loop,
            camera.realtime,
            camera.transport,
            _as_zones(camera.masks),
            camera.rate or DEFAULT_RATE,
        )
        status, stop = CameraStatus(camera.name), threading.Event()
        thread = threading.Thread(
            target=run_camera,
            args=(source, self._detectors, self._hub, status, stop),
            kwargs={
                "on_tracks": observer.observe,
                "on_event": lambda action, details: self._record(action, camera.name, details),
                "on_unreliable": observer.mark_unreliable,
                "deadline_seconds": self._settings.analysis.redaction_deadline_seconds,
                "turns": self._turns,
            },
            name=f"camera {camera.name}",
            daemon=True,
        )
        thread.start()
        return RunningCamera(camera, observer, status, stop, thread)

    def _begin(self, camera: Camera) -> CameraMeasuring:
        bucket_seconds = 60 * self._settings.analysis.bucket_minutes
        return self._keeping.begin(
            camera.name,
            _lines(camera),
            _as_zones(camera.zones),
            bucket_seconds,
            camera.heat_map,
            _as_zones(camera.ignored),
            camera.mounting == "overhead",
            camera.vehicle_labels,
        )

    def _count_anew(self, running: RunningCamera, camera: Camera) -> RunningCamera:
        """Other lines and zones on the same picture."""

        def begin(before: CameraMeasuring) -> CameraMeasuring:
            self._keeping.leave(before)
            return self._begin(camera)

        running.observer.change(begin)
        return replace(running, camera=camera)

    def _finish(self, seconds: float) -> None:
        """Wait so long for the cameras that end; those that have ended are counted no longer."""
        until = time.monotonic() + seconds
        for name, running in list(self._ending.items()):
            running.thread.join(max(0.0, until - time.monotonic()))
            if not running.thread.is_alive():
                self._ended_frames += _frames(running.status)
                self._keeping.leave(self._ending.pop(name).observer.measuring)

    def _record(self, action: Action, camera: str, details: Mapping[str, str | int]) -> None:
        """Write a camera's event down; a log that can't be written stops no camera."""
        try:
            with self._site.engine.begin() as connection:
                append(connection, Event(ACTOR, action, camera, details=details))
        except VeilsightError as error:
            logger.error("An event of %s could not be written into the audit log: %s", camera, error)


@dataclass
class Beginning:
    """What the engine answers: that it is starting, until its networks are ready, which may take minutes the first time
    on a machine; then what it is set to answer."""

    status_now: Callable[[], Mapping[str, Any]] | None = None
    examine_now: Callable[[], Mapping[str, Any]] | None = None

    def status(self) -> Mapping[str, Any]:
        if self.status_now is not None:
            return self.status_now()
        nothing: dict[str, Any] = {each: {} for each in ANSWERED}
        return {"starting": True, "cameras": [], "networks": [], "open_bucket": None} | nothing

    def examine(self) -> Mapping[str, Any]:
        return {} if self.examine_now is None else self.examine_now()


def run_engine(paths: Paths, settings: Settings, stop: threading.Event, manager: ServiceManager) -> None:
    """Watch and count until `stop` is set. A network that can't be used is recorded, and pictures stay covered."""
    # A dump of this program's memory would hold raw frames.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    site, hub, begun = open_site(paths), Hub(), Beginning()
    changes: SimpleQueue[DeviceChange] = SimpleQueue()
    log = RecentLog()
    log.install()
    # The socket comes first: a second engine, started by mistake, ends there and leaves no trace in the log.
    answers = LiveServer(paths.live_socket, hub, begun.status, CameraTrials(site.engine), begun.examine)
    with answers, ExitStack() as stack:
        detectors = open_detectors(paths, settings.analysis, on_change=changes.put)
        keeping = Keeping(site, policy_of(settings.anonymity), paths.memory)
        engine = Engine(site, settings, detectors, hub, keeping)
        witness = NetworkWitness(site.engine, ACTOR, detectors, changes)
        frame_witness = FrameWitness(site.engine, ACTOR, engine.frames)
        begun.status_now = engine.status
        begun.examine_now = EngineExamination(paths, settings, detectors, log)
        _record_start(site, detectors)
        record_policy(site, ACTOR, settings.anonymity)
        record_settings(site, ACTOR, settings)
        stack.callback(_record_stop, site)
        stack.callback(_attempt, witness.record_use, "The networks' use can't be written into the audit log")
        stack.callback(_attempt, frame_witness.record, "The number of frames can't be written into the audit log")
        stack.enter_context(keeping)
        stack.callback(engine.close)
        stack.callback(manager.stopping)
        manager.ready()
        while not stop.is_set():
            manager.alive()
            _attempt(lambda: engine.follow(_wanted(site)), "The cameras' settings can't be read")
            engine.tick(datetime.now(UTC))
            _attempt(witness.tick, "The networks' devices can't be written into the audit log")
            _attempt(frame_witness.tick, "The number of frames can't be written into the audit log")
            stop.wait(LOOK_EVERY_SECONDS)


def _wanted(site: Site) -> tuple[Camera, ...]:
    with reading(site.engine) as connection:
        return cameras.list_cameras(connection)


def _attempt(act: Callable[[], None], problem: str) -> None:
    try:
        act()
    except VeilsightError as error:
        logger.error("%s: %s", problem, error)


def _record_start(site: Site, detectors: Detectors) -> None:
    with site.engine.begin() as connection:
        append(connection, Event(ACTOR, "started", "engine"))
        record_networks(connection, ACTOR, detectors)


def _record_stop(site: Site) -> None:
    with site.engine.begin() as connection:
        append(connection, Event(ACTOR, "stopped", "engine"))


def _without_places(camera: Camera) -> Camera:
    return replace(camera, lines=(), zones=(), ignored=(), mounting="oblique", heat_map=False, vehicle_labels=False)


def _frames(status: CameraStatus) -> Frames:
    return Frames(status.analysed_frames, status.shown_frames, status.covered_frames)


def _disabled(name: str) -> dict[str, Any]:
    return CameraStatus(name, state="disabled").as_json()


def _inner(camera: Camera) -> frozenset[str]:
    return frozenset(line.name for line in camera.lines if line.inner)


def _lines(camera: Camera) -> list[Line]:
    return [Line(line.name, Point(line.x1, line.y1), Point(line.x2, line.y2)) for line in camera.lines]


def _as_zones(settings: Sequence[ZoneSetting]) -> tuple[Zone, ...]:
    return tuple(Zone(zone.name, tuple(Point(x, y) for x, y in zone.points)) for zone in settings)


def _describe(buckets: Sequence[Bucket], mode: str) -> dict[str, Any]:
    return {
        "mode": mode,
        "start": buckets[0].start.isoformat(),
        "seconds": buckets[0].seconds,
        "measurements": [asdict(each) for bucket in buckets for each in bucket.measurements],
    }
