"""The redactor: one uploaded file, redacted in a process of its own that knows nothing else and ends with the file.

A stranger's file is decoded here and nowhere else: without the site's keys and database, without a camera, without the
network. The process is started by the first connection to its socket, by the service manager or by `veilsight run`, and
ends when the client closes the connection, however far it is. The upload and the result lie in sealed files without a
name, whose keys are in this process's memory alone; so both are gone with it.
"""

import hashlib
import logging
import os
import resource
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.audit.guard import Attempt, Guard, Reach
from appliance.errors import VeilsightError
from appliance.settings import Paths, Settings
from appliance.storage.sealed_file import SealedFile
from appliance.vision.covering import COVER_KINDS, Covering
from appliance.vision.redaction_socket import MOST_BYTES, PART_BYTES, Answer, Order, Request

if TYPE_CHECKING:
    from appliance.vision.runtime import Detectors
    from appliance.vision.uploads import RedactedUpload

# A client that says nothing for so long is gone; the web program asks twice a second while it waits.
SILENT_SECONDS = 120.0
# Whoever started the process connects at once.
IDLE_SECONDS = 30.0
LONGEST_WORK_SECONDS = 2 * 60 * 60.0
# The upload and the result, which may be larger, and room for everything else on that disk.
ROOM_TIMES, ROOM_BYTES = 3, 500_000_000
STOP_SECONDS = 10.0
# Counting comes first.
NICE = 10

logger = logging.getLogger(__name__)


class GivenUp(VeilsightError):
    """The client has gone, or the work took too long."""


@dataclass
class Progress:
    """What is told about the work; the thread at work replaces it whole."""

    answer: Answer = field(default_factory=lambda: Answer("receiving"))
    given_up: threading.Event = field(default_factory=threading.Event)


def run_redactor(paths: Paths, settings: Settings, listener: socket.socket) -> None:
    """Redact the file of one client, then return. To be followed by the end of the process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICE)
    guard()
    listener.settimeout(IDLE_SECONDS)
    try:
        accepted, _ = listener.accept()
    except TimeoutError:
        return
    accepted.settimeout(None)
    listener.close()

    def load() -> "Detectors":
        from appliance.vision.runtime import open_detectors

        return open_detectors(paths, settings.analysis)

    with Connection(accepted.detach()) as connection:
        serve_one(connection, load, Path(tempfile.gettempdir()))


def guard() -> None:
    """Nothing may be reached from here; what is tried all the same is refused and logged."""

    def report(attempt: Attempt) -> None:
        logger.error("The guard refused to %s %s (%s).", attempt.kind, attempt.target, attempt.event)

    Guard(Reach(), Reach, report).install()


def serve_one(connection: "Connection[Any, Any]", load: Callable[[], "Detectors"], folder: Path) -> None:
    """Take one file, redact it, give the result: until the client closes the connection or is silent for too long.

    `load` gives the networks, and is asked while the file still comes in. `folder` has the two sealed files.
    """
    progress = Progress()
    with (
        suppress(OSError, EOFError, GivenUp, msgspec.MsgspecError),
        SealedFile(folder) as upload,
        SealedFile(folder) as result,
    ):
        worker: threading.Thread | None = None
        whole = threading.Event()
        try:
            order = _take_order(connection, folder)
            if order is None:
                return
            arguments = (order, load, upload, result, whole, progress)
            worker = threading.Thread(target=_work, args=arguments, name="redaction", daemon=True)
            worker.start()
            _receive(connection, order, upload, progress)
            whole.set()
            _attend(connection, result, progress)
        finally:
            progress.given_up.set()
            whole.set()
            if worker is not None:
                worker.join(STOP_SECONDS)


def _take_order(connection: "Connection[Any, Any]", folder: Path) -> Order | None:
    """The order, which is answered; None where it is refused."""
    try:
        order = msgspec.json.decode(_next(connection, 65536), type=Order)
    except msgspec.MsgspecError as error:
        _send(connection, Answer("failed", problem=f"That is no order: {error}."))
        return None
    problem = _problem_of(order, folder)
    _send(connection, Answer("failed", problem=problem) if problem else Answer("receiving"))
    return None if problem else order


def _problem_of(order: Order, folder: Path) -> str:
    if unknown := sorted(set(order.cover) - set(COVER_KINDS)):
        return f"{unknown[0]!r} can't be covered."
    if not 0 < order.size <= MOST_BYTES:
        return f"The file must hold something, and {MOST_BYTES // 1024**3} GB at most."
    if shutil.disk_usage(folder).free < ROOM_TIMES * order.size + ROOM_BYTES:
        return "There is too little room on the disk for a file of this size; free some, or redact it at a terminal."
    return ""


def _receive(connection: "Connection[Any, Any]", order: Order, upload: SealedFile, progress: Progress) -> None:
    while upload.size < order.size:
        part = _next(connection, min(PART_BYTES, order.size - upload.size))
        upload.write_at(upload.size, part)
        if upload.size < order.size:
            _send(connection, Answer("receiving", received=upload.size))
    progress.answer = Answer("working", received=order.size)
    _send(connection, progress.answer)


def _attend(connection: "Connection[Any, Any]", result: SealedFile, progress: Progress) -> None:
    """Answer until the client goes."""
    end = time.monotonic() + LONGEST_WORK_SECONDS
    while True:
        request = msgspec.json.decode(_next(connection, 4096), type=Request)
        answer = progress.answer
        if answer.state == "working" and time.monotonic() > end:
            progress.given_up.set()
        if request.want == "state":
            _send(connection, answer)
        elif answer.state == "done":
            connection.send_bytes(result.read_at(request.offset, PART_BYTES))
        else:
            raise GivenUp("There is no result to ask for.")


def _work(
    order: Order,
    load: Callable[[], "Detectors"],
    upload: SealedFile,
    result: SealedFile,
    whole: threading.Event,
    progress: Progress,
) -> None:
    # In a thread, so that the client is answered meanwhile.
    def tell(done: int, frames: int) -> None:
        if progress.given_up.is_set():
            raise GivenUp("It takes longer than two hours; redact the file at a terminal.")
        progress.answer = Answer("working", order.size, done, frames)

    try:
        from appliance.vision.recordings import FileOptions
        from appliance.vision.uploads import redact_upload

        detectors = load()
        whole.wait()
        if progress.given_up.is_set():
            return
        covering = Covering(frozenset(kind for kind in COVER_KINDS if kind in order.cover))
        options = FileOptions(covering, keep_audio=order.keep_audio)
        progress.answer = _outcome(redact_upload(upload, order.suffix, result, detectors, options, tell), result)
    except VeilsightError as error:
        progress.answer = Answer("failed", problem=str(error))
    except Exception:
        # Whatever a stranger's file does: the client is told, and the process ends soon.
        logger.exception("An uploaded file could not be redacted.")
        progress.answer = Answer("failed", problem="The file can't be redacted; try another program's copy of it.")


def _outcome(redacted: "RedactedUpload", result: SealedFile) -> Answer:
    outcome = redacted.outcome
    return Answer(
        "done",
        done=outcome.frames,
        frames=outcome.frames,
        size=result.size,
        sha256=_checksum(result),
        suffix=redacted.suffix,
        covered_frames=outcome.covered_frames,
        reason=outcome.reason,
        stopped=outcome.stopped,
    )


def _checksum(file: SealedFile) -> str:
    digest = hashlib.sha256()
    for offset in range(0, file.size, PART_BYTES):
        digest.update(file.read_at(offset, PART_BYTES))
    return digest.hexdigest()


def _next(connection: "Connection[Any, Any]", most: int) -> bytes:
    if not connection.poll(SILENT_SECONDS):
        raise GivenUp("The client is silent.")
    return connection.recv_bytes(most)


def _send(connection: "Connection[Any, Any]", answer: Answer) -> None:
    connection.send_bytes(msgspec.json.encode(answer))
