"""What each of the three programs may reach, and where its guard's refusals are recorded.

- engine: its cameras' hosts, and its own Unix socket. A file or a camera at USB has no host.
- web: the Unix sockets of engine, redactor and searcher; it listens on its own address and connects to nothing else.
- courier: the destinations' hosts.

See `appliance.audit.guard` for how far that holds.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from sqlalchemy import Engine

from appliance.audit.guard import Attempt, Guard, Reach
from appliance.audit.log import Event, append
from appliance.destinations import Destination
from appliance.errors import VeilsightError
from appliance.services.setup import program_actor
from appliance.settings import Paths, Settings, Web
from appliance.storage import cameras
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.storage.site import open_site

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
# What is refused again and again is written into the audit log once in this time, with how often.
REPEAT_SECONDS = 60.0
LOOK_EVERY_SECONDS = 2.0
# Made where the site's root is to write down anew what the engine may reach (`services.network_policy`).
CHANGED = "network-changed"
STOP_SECONDS = 5.0

logger = logging.getLogger(__name__)


def engine_reach(paths: Paths, present: Sequence[Camera]) -> Reach:
    hosts = frozenset(host for camera in present if (host := camera_host(camera.source)))
    return Reach(hosts=hosts, sockets=frozenset({str(paths.live_socket)}))


def web_reach(paths: Paths, web: Web) -> Reach:
    sockets = frozenset({str(paths.live_socket), str(paths.redaction_socket), str(paths.search_socket)})
    return Reach(sockets=sockets, listens=frozenset({(web.host, web.port)}))


def courier_reach(destinations: Sequence[Destination]) -> Reach:
    return Reach(hosts=frozenset(place.host for place in destinations if place.host))


def courier_hosts(settings: Settings) -> tuple[tuple[str, int], ...]:
    """The hosts and ports that the courier may connect to, sorted, for a firewall or the service manager's lists."""
    return tuple(sorted(courier_reach(settings.destinations).hosts))


def camera_host(source: str) -> tuple[str, int] | None:
    """The host and port of a camera's address; None for a file or a device."""
    try:
        parts = urlsplit(source)
        port = parts.port or PORTS.get(parts.scheme.lower())
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None


class Database:
    """The site's database, opened when it is first needed: the guard stands before the program opens its own."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """Raises a `VeilsightError` where the site can't be opened."""
        with self._lock:
            if self._engine is None:
                self._engine = open_site(self._paths).engine
            return self._engine


@contextmanager
def guarding(program: str, paths: Paths, settings: Settings) -> Iterator[None]:
    """Install the guard of one of the three programs, for the rest of the process, and record what it refuses.

    To be entered before the program's modules are imported: they too are guarded then.
    """
    database = Database(paths)
    refusals: SimpleQueue[Attempt | None] = SimpleQueue()
    reach = _list_of(program, paths, settings, database)
    guard = Guard(Reach(), reach, refusals.put)
    guard.install()
    recorder = threading.Thread(target=_attend, args=(guard, refusals, program, database), name="guard", daemon=True)
    recorder.start()
    try:
        yield
    finally:
        refusals.put(None)
        recorder.join(STOP_SECONDS)


def _list_of(program: str, paths: Paths, settings: Settings, database: Database) -> Callable[[], Reach]:
    """How to make the program's list anew: cameras come and go while the engine runs."""

    known: set[frozenset[tuple[str, int]]] = set()

    def of_engine() -> Reach:
        try:
            with reading(database.engine()) as connection:
                reach = engine_reach(paths, cameras.list_cameras(connection))
            if reach.hosts not in known:
                known.clear()
                known.add(reach.hosts)
                with suppress(OSError):
                    (paths.run / CHANGED).touch()
            return reach
        except VeilsightError:
            # Without its database the engine has no camera, but it still has its socket.
            return engine_reach(paths, ())

    if program == "web":
        return lambda: web_reach(paths, settings.web)
    if program == "courier":
        return lambda: courier_reach(settings.destinations)
    return of_engine


def _attend(guard: Guard, refusals: "SimpleQueue[Attempt | None]", program: str, database: Database) -> None:
    """Keep the list up to date and write refusals into the program's log and the audit log, until None comes.

    Of what is refused again within `REPEAT_SECONDS` the number alone is kept, and written then.
    """
    waiting: Counter[Attempt] = Counter()
    written: dict[Attempt, float] = {}
    going = True
    while going:
        try:
            attempt = refusals.get(timeout=LOOK_EVERY_SECONDS)
        except Empty:
            guard.refresh()
        else:
            going = attempt is not None
            if attempt is not None:
                waiting[attempt] += 1
        now = time.monotonic()
        for each in list(waiting):
            if not going or now - written.get(each, -REPEAT_SECONDS) >= REPEAT_SECONDS:
                written[each] = now
                _write(each, waiting.pop(each), program, database)


def _write(attempt: Attempt, times: int, program: str, database: Database) -> None:
    logger.error(
        "The guard refused to %s %s (%s, %d times): it is not in this program's list.",
        attempt.kind,
        attempt.target,
        attempt.event,
        times,
    )
    reason = f"{attempt.event} is not in the program's list"
    details: dict[str, str | int] = {"reason": reason, "times": times}
    event = Event(program_actor(program), "guard-refused", attempt.kind, destination=attempt.target, details=details)
    try:
        with database.engine().begin() as connection:
            append(connection, event)
    except VeilsightError as error:
        logger.error("The refusal could not be written into the audit log: %s", error)
