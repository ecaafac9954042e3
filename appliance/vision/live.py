"""Redacted pictures and the engine's status on a Unix socket: the engine's side and the viewer's side.

A client sends one JSON request. `{"want": "status"}` gets one JSON object. `{"want": "view", "camera": NAME}` gets, for
each picture, a JSON header and then the JPEG, until the client closes. `{"want": "trial", "camera": NAME}` gets one
JSON object, some seconds later: what a camera that is set up sends, or an `error`. `{"want": "examination"}` gets one
JSON object: what the engine finds out about devices, networks and itself. Messages are framed by
`multiprocessing.connection`, of which only the byte functions are used: nothing is ever unpickled. Who may connect is
decided by the socket file's mode and group.

This module needs no image library, so that the web program can use it without ever loading one.
"""

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from appliance.errors import VeilsightError

SOCKET_MODE = 0o660
LONGEST_REQUEST_BYTES = 4096
STATUS_SECONDS = 5.0
# A camera may take this long to answer, to begin and to tell its clock.
TRIAL_SECONDS = 60.0
# The networks' files are read and hashed.
EXAMINATION_SECONDS = 30.0
# A viewer's connection is looked at this often, so that one who left is noticed while no picture comes.
LOOK_SECONDS = 1.0
# A viewer who takes nothing for this long is let go; its pictures would be stale anyway.
SEND_SECONDS = 10.0


class LiveUnavailable(VeilsightError):
    """The engine isn't there, or broke off."""


class Hub:
    """The newest redacted picture of each camera, for however many viewers.

    `publish` never waits: a viewer who is slow skips pictures, and no picture is kept but the newest.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: dict[str, tuple[int, Mapping[str, Any], bytes]] = {}
        self._viewers: Counter[str] = Counter()
        self._number = 0
        self._closed = False

    def watched(self, camera: str) -> bool:
        """Whether anybody looks at this camera now."""
        with self._changed:
            return self._viewers[camera] > 0

    def publish(self, camera: str, header: Mapping[str, Any], jpeg: bytes) -> None:
        """Offer a picture to the camera's viewers; `jpeg` must come from a `RedactedFrame`."""
        with self._changed:
            if self._viewers[camera]:
                self._number += 1
                self._newest[camera] = (self._number, header, jpeg)
                self._changed.notify_all()

    def enter(self, camera: str) -> None:
        with self._changed:
            self._viewers[camera] += 1

    def leave(self, camera: str) -> None:
        """The last viewer to leave takes the picture along: nothing old is shown to the next one."""
        with self._changed:
            self._viewers[camera] -= 1
            if not self._viewers[camera]:
                del self._viewers[camera]
                self._newest.pop(camera, None)

    def next_after(self, camera: str, number: int, seconds: float) -> tuple[int, Mapping[str, Any], bytes] | None:
        """The newest picture if it is later than `number`; waits for one at most `seconds`, then returns None."""

        def news() -> bool:
            return self._closed or (camera in self._newest and self._newest[camera][0] > number)

        with self._changed:
            self._changed.wait_for(news, seconds)
            newest = self._newest.get(camera)
            return newest if newest is not None and newest[0] > number else None

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


Try = Callable[[str], Mapping[str, Any]]
"""Tries the camera of this name and returns what came of it."""


Examine = Callable[[], Mapping[str, Any]]
"""Looks at devices, networks and the program itself; may take a few seconds."""


def no_examination() -> Mapping[str, Any]:
    return {}


def no_trials(_camera: str) -> Mapping[str, Any]:
    return {"error": "This engine tries no camera."}


class LiveServer:
    """Serves `hub`, `status`, `trial` and `examine` on a Unix socket while the context lasts."""

    def __init__(
        self,
        path: Path,
        hub: Hub,
        status: Callable[[], Mapping[str, Any]],
        trial: Try = no_trials,
        examine: Examine = no_examination,
    ) -> None:
        self._path = path
        self._hub = hub
        self._status = status
        self._trial = trial
        self._examine = examine
        self._listener: Listener | None = None

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if _is_answered(self._path):
                raise LiveUnavailable(f"Another engine is running already: something answers on {self._path}.")
            self._path.unlink(missing_ok=True)
            self._listener = Listener(str(self._path), family="AF_UNIX", backlog=16)
            self._path.chmod(SOCKET_MODE)
        except OSError as error:
            raise LiveUnavailable(f"The engine's socket {self._path} can't be made ({error.strerror}).") from error
        threading.Thread(target=self._accept, args=(self._listener,), name="live", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hub.close()
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing a socket does not wake the thread that waits on it; a last visitor does.
            _is_answered(self._path)
            listener.close()

    def _accept(self, listener: Listener) -> None:
        while self._listener is not None:
            try:
                connection = listener.accept()
            except (OSError, EOFError):
                continue
            threading.Thread(target=self._serve, args=(connection,), name="viewer", daemon=True).start()

    def _serve(self, connection: "Connection[Any, Any]") -> None:
        try:
            with connection:
                if not connection.poll(STATUS_SECONDS):
                    return
                request = json.loads(connection.recv_bytes(LONGEST_REQUEST_BYTES))
                if request.get("want") == "status":
                    connection.send_bytes(json.dumps(self._status()).encode())
                elif request.get("want") == "view":
                    self._show(connection, str(request.get("camera")))
                elif request.get("want") == "trial":
                    connection.send_bytes(json.dumps(self._trial(str(request.get("camera")))).encode())
                elif request.get("want") == "examination":
                    connection.send_bytes(json.dumps(self._examine()).encode())
        except (OSError, EOFError, ValueError, AttributeError):
            # The client left, or sent what is no request; either way there is nobody to answer.
            return

    def _show(self, connection: "Connection[Any, Any]", camera: str) -> None:
        _limit_sending(connection)
        number = 0
        self._hub.enter(camera)
        try:
            while not self._hub.closed:
                newest = self._hub.next_after(camera, number, LOOK_SECONDS)
                if connection.poll(0):
                    return  # The client closed; it has nothing else to say.
                if newest is not None:
                    number, header, jpeg = newest
                    connection.send_bytes(json.dumps(header).encode())
                    connection.send_bytes(jpeg)
        finally:
            self._hub.leave(camera)


class LiveClient:
    """Asks the engine. Safe to use from several threads: each call has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def status(self) -> dict[str, Any]:
        """The engine's status. Raises `LiveUnavailable`."""
        return self._ask({"want": "status"}, STATUS_SECONDS)

    def trial(self, camera: str) -> dict[str, Any]:
        """Let the engine try a camera that is set up: what it sends, or an `error`. Takes some seconds.

        Raises `LiveUnavailable`.
        """
        return self._ask({"want": "trial", "camera": camera}, TRIAL_SECONDS)

    def examination(self) -> dict[str, Any]:
        """What the engine finds out about devices, networks and itself. Raises `LiveUnavailable`."""
        return self._ask({"want": "examination"}, EXAMINATION_SECONDS)

    def _ask(self, request: Mapping[str, str], seconds: float) -> dict[str, Any]:
        with self._connect(request) as connection:
            try:
                if not connection.poll(seconds):
                    raise LiveUnavailable("The engine does not answer.")
                answer: dict[str, Any] = json.loads(connection.recv_bytes())
            except (OSError, EOFError, ValueError) as error:
                raise LiveUnavailable("The engine broke off while it answered.") from error
            return answer

    def view(
        self, camera: str, left: threading.Event | None = None
    ) -> Generator[tuple[dict[str, Any], bytes], None, None]:
        """Redacted pictures of a camera, each with its header, until the engine stops. Raises `LiveUnavailable`.

        Close the generator to leave, or set `left` from another thread, which is noticed even while no picture comes;
        the engine stops redacting when nobody looks.
        """
        left = left or threading.Event()
        with self._connect({"want": "view", "camera": camera}) as connection:
            while not left.is_set():
                try:
                    if not connection.poll(LOOK_SECONDS):
                        continue
                    header: dict[str, Any] = json.loads(connection.recv_bytes())
                    jpeg = connection.recv_bytes()
                except EOFError:
                    return
                except (OSError, ValueError) as error:
                    raise LiveUnavailable("The engine broke off.") from error
                yield header, jpeg

    def _connect(self, request: Mapping[str, str]) -> "Connection[Any, Any]":
        try:
            connection = Client(str(self._path), family="AF_UNIX")
            connection.send_bytes(json.dumps(request).encode())
        except OSError as error:
            raise LiveUnavailable("The engine is not running.") from error
        return connection


def _is_answered(path: Path) -> bool:
    """Whether a program listens on the socket; a file left over from a crash answers to nobody."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _limit_sending(connection: "Connection[Any, Any]") -> None:
    """Let a send to a viewer who takes nothing fail after `SEND_SECONDS`."""
    with socket.socket(fileno=socket.dup(connection.fileno())) as view:
        seconds = int(SEND_SECONDS)
        view.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds.to_bytes(8, "little") + bytes(8))
