"""What this program and the engine find out about the site, looked up in the background, since it takes a while."""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from appliance.errors import VeilsightError
from appliance.language import Language, parts_of, sentence
from appliance.vision.live import LiveClient, LiveUnavailable
from appliance.web.sentences import Parts

LOOK_AGAIN = timedelta(minutes=2)
FAILED = sentence("The page could not look at everything; run `veilsight doctor` on the server, which does.")

logger = logging.getLogger(__name__)


class Finding(msgspec.Struct, frozen=True):
    """What one check of the doctor found; `note` is something to know that needs no mending.

    `parts` are of `check` and `text`, where they are sentences that can be told in other languages.
    """

    check: str
    state: Literal["fine", "note", "wrong"]
    text: str
    parts: dict[Literal["check", "text"], Parts] = {}

    def told(self, name: Literal["check", "text"], language: Language) -> str:
        """The check or the text in this language, in English where there is nothing else."""
        parts = self.parts.get(name)
        if parts is None:
            found: str = getattr(self, name)
            return found
        return language.told(parts.sentence())


class Measured(msgspec.Struct, frozen=True):
    """One way to run a network, and its speed there."""

    choice: str
    pictures_per_second: float


class Network(msgspec.Struct, frozen=True):
    """Where a network runs and why; `measured` has the chosen way first, `passed_over` better places and the reason."""

    task: str
    name: str
    device: str
    runtime: str
    precision: str
    streams: int
    passed_over: tuple[str, ...] = ()
    measured: tuple[Measured, ...] = ()


class Device(msgspec.Struct, frozen=True):
    name: str
    full_name: str = ""
    driver: str = ""


class Devices(msgspec.Struct, frozen=True):
    openvino: str = ""
    devices: tuple[Device, ...] = ()
    networks: tuple[Network, ...] = ()
    failures: dict[str, str] = {}


class Line(msgspec.Struct, frozen=True):
    """A warning or an error of one of the programs."""

    time: datetime
    level: str
    text: str
    program: str = ""


class EngineShare(msgspec.Struct, frozen=True):
    """What the engine says on its socket."""

    findings: tuple[Finding, ...] = ()
    devices: Devices = Devices()
    log: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Examined:
    """All of it, found at `time`; `engine` is None where the engine isn't running."""

    time: datetime
    findings: tuple[Finding, ...]
    engine: EngineShare | None


def read_engine_share(live: LiveClient) -> EngineShare | None:
    """None where the engine is not running or does not answer as it should."""
    try:
        found: dict[str, Any] = live.examination()
        return msgspec.convert(found, EngineShare)
    except (LiveUnavailable, msgspec.ValidationError):
        return None


@dataclass(eq=False)
class Examination:
    """The newest one, made anew when somebody asks and it is old. Safe to use from several threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _newest: Examined | None = None
    _busy: bool = False

    @property
    def is_busy(self) -> bool:
        return self._busy

    def newest(self) -> Examined | None:
        return self._newest

    def look(
        self,
        examine: Callable[[], Iterable[tuple[str, str, str]]],
        live: LiveClient,
        clock: Callable[[], datetime],
        anew: bool = False,
    ) -> None:
        """Look in the background, unless the newest is young enough, or somebody looks already."""
        with self._lock:
            is_young = self._newest is not None and clock() - self._newest.time < LOOK_AGAIN
            if self._busy or (is_young and not anew):
                return
            self._busy = True
        threading.Thread(target=self._work, args=(examine, live, clock), name="examination", daemon=True).start()

    def _work(
        self,
        examine: Callable[[], Iterable[tuple[str, str, str]]],
        live: LiveClient,
        clock: Callable[[], datetime],
    ) -> None:
        try:
            own = tuple(_finding(*each) for each in examine())
            share = read_engine_share(live)
            self._newest = Examined(clock(), own + (share.findings if share else ()), share)
        except VeilsightError as error:
            self._newest = Examined(clock(), (_finding(sentence("page"), "wrong", str(error)),), None)
        except Exception:
            # The thread's end would leave the page waiting for ever.
            logger.exception("The examination failed.")
            self._newest = Examined(clock(), (_finding(sentence("page"), "wrong", FAILED),), None)
        finally:
            self._busy = False


def _finding(check: str, state: str, text: str) -> Finding:
    parts = {name: each for name, said in (("check", check), ("text", text)) if (each := parts_of(said)) is not None}
    return msgspec.convert({"check": str(check), "state": state, "text": str(text), "parts": parts}, Finding)
