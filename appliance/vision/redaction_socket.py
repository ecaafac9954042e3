"""Handing a file to the redactor and taking the redacted one back, over a Unix socket: the client, and the words.

One connection is one file. The client sends an order and then the file in parts, each of which is answered by how much
is there; from then on it asks for the state, and in the end for the parts of the result. Whoever closes the connection
gives the file up: the redactor's process, the only one that decodes it, ends with it. Messages are framed by
`multiprocessing.connection`, of which only the byte functions are used.

This module needs no image library, so that the web program can use it without ever loading one.
"""

import threading
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any, Literal

import msgspec

from appliance.errors import VeilsightError
from appliance.language import marked

# Small enough that a slow network carries one within the web server's time for a request.
PART_BYTES = 512 * 1024
MOST_BYTES = 4 * 1024**3
# The process is started by the first connection.
START_SECONDS = 60.0
ANSWER_SECONDS = 30.0

State = Literal["receiving", "working", "done", "failed"]


class RedactorUnavailable(VeilsightError):
    """The redactor isn't there, or broke off."""


class RedactionRefused(VeilsightError):
    """The redactor does not take this file; the sentence says why."""


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be done: how the file's name ends, its size in bytes, what is covered besides heads, and whether a
    video keeps its sound."""

    suffix: str
    size: int
    cover: tuple[str, ...]
    keep_audio: bool = False


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state, or the part of the result that begins at `offset`."""

    want: Literal["state", "part"]
    offset: int = 0


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far it is: bytes `received`, frames `done` of `frames` (0: unknown).

    Then what came of it: `size` and `sha256` of the result, whose name ends with `suffix`; how many frames were
    covered whole and the first `reason` why; what is wrong with the file where it broke off (`stopped`). Or the
    `problem` that ended it all.
    """

    state: State
    received: int = 0
    done: int = 0
    frames: int = 0
    size: int = 0
    sha256: str = ""
    suffix: str = ""
    covered_frames: int = 0
    reason: str = ""
    stopped: str = ""
    problem: str = ""


class RedactionClient:
    """Hands files to the redactor that listens at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, order: Order) -> "RedactionTask":
        """Raises `RedactorUnavailable`, and `RedactionRefused` where it does not take the file."""
        try:
            connection = Client(str(self._path), family="AF_UNIX")
        except OSError as error:
            raise RedactorUnavailable(
                marked("What redacts files is not running; `veilsight doctor` says what to do.")
            ) from error
        task = RedactionTask(connection)
        try:
            task.send_order(order)
        except VeilsightError:
            task.close()
            raise
        return task


class RedactionTask:
    """One file at the redactor. May be used from several threads; close it to have the file forgotten."""

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def send_order(self, order: Order) -> None:
        answer = self._ask(msgspec.json.encode(order), START_SECONDS)
        if answer.problem:
            raise RedactionRefused(answer.problem)

    def send(self, part: bytes) -> Answer:
        """The next part of the file, of at most `PART_BYTES`. Raises `RedactorUnavailable`."""
        return self._ask(part, ANSWER_SECONDS)

    def state(self) -> Answer:
        """How far it is. Raises `RedactorUnavailable`."""
        return self._ask(msgspec.json.encode(Request("state")), ANSWER_SECONDS)

    def part(self, offset: int) -> bytes:
        """The part of the result from there on; empty beyond its end. Raises `RedactorUnavailable`."""
        return self._exchange(msgspec.json.encode(Request("part", offset)), ANSWER_SECONDS)

    def _ask(self, message: bytes, seconds: float) -> Answer:
        try:
            return msgspec.json.decode(self._exchange(message, seconds), type=Answer)
        except msgspec.MsgspecError as error:
            raise RedactorUnavailable(BROKEN_OFF) from error

    def _exchange(self, message: bytes, seconds: float) -> bytes:
        with self._lock:
            try:
                self._connection.send_bytes(message)
                if not self._connection.poll(seconds):
                    raise RedactorUnavailable(marked("What redacts files does not answer; please begin anew."))
                return self._connection.recv_bytes()
            except (OSError, EOFError) as error:
                raise RedactorUnavailable(BROKEN_OFF) from error


BROKEN_OFF = marked("What redacts files broke off; the file is gone, please begin anew.")
