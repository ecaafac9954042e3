"""Somebody who has a recording redacted on the page, and cameras looked for; and what of that may be written.

The file that is sent goes from the page's program to the redactor over a Unix socket, as it was sent: that is its way,
and the only one. `take_out_upload` takes exactly these bytes out of that one stream, so that all the rest is searched.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from appliance.vision.background import Beside
from appliance.vision.redaction_socket import PART_BYTES
from benchmarks.containment.tracing import Trace
from benchmarks.containment.viewer import Browser

PAUSE_SECONDS = 0.5
REASON = "Training or demonstration"
LOCAL = re.compile(r'UNIX-STREAM:\[(\d+)->(\d+)(?:,"([^"]*)")?\]')
# The framing of `multiprocessing.connection`: four bytes of length before each message.
LENGTH_BYTES = 4


@dataclass
class Done:
    """What came of it: the redacted file, its frames and those covered whole; whether cameras were looked for."""

    redacted: bytes = b""
    summary: str = ""
    searched: bool = False
    problem: str = ""

    @property
    def is_over(self) -> bool:
        return bool(self.problem) or (bool(self.redacted) and self.searched)


class Errands(Beside):
    """Has the file redacted and takes the result away, and with `search` has cameras looked for; once."""

    def __init__(self, port: int, authority: Path, password: str, upload: bytes, search: bool) -> None:
        super().__init__("errands")
        self.done = Done(searched=not search)
        self._browser = Browser(port, authority)
        self._password = password
        self._upload = upload

    def work(self) -> None:
        try:
            self._browser.log_in(self._password)
            self._redact()
            if not self.done.searched:
                self._browser.post("/cameras/search")
                self.done.searched = True
        except (OSError, ValueError) as error:
            if not self.stopped.is_set():
                self.done.problem = f"{type(error).__name__}: {error}"

    def _redact(self) -> None:
        size = str(len(self._upload))
        begun = self._browser.post("/privacy/redact", suffix=".mp4", size=size, reason=REASON, cover="plates")
        path = f"/privacy/redact/{json.loads(begun.body)['identifier']}"
        for offset in range(0, len(self._upload), PART_BYTES):
            self._browser.send(f"{path}/parts?offset={offset}", self._upload[offset : offset + PART_BYTES])
        state = {"state": "working"}
        while state["state"] == "working" and not self.stopped.wait(PAUSE_SECONDS):
            state = json.loads(self._browser.get(path).body)
        if state["state"] != "done":
            raise ValueError(f"the redactor ended with {state}")
        self.done.summary = " ".join(state["summary"])
        self.done.redacted = self._browser.get(f"{path}/result").body


def take_out_upload(trace: Trace, socket: Path, content: bytes) -> int:
    """Take the file out of what the page's program wrote to the redactor at `socket`; returns how many bytes it was.

    Only parts of the file, in their order, each a message of its own, and only where the other end is that socket.
    """
    ends = {match[1] for place in trace.streams if (match := LOCAL.fullmatch(place)) and match[3] == str(socket)}
    taken = 0
    for place, stream in trace.streams.items():
        match = LOCAL.fullmatch(place)
        if match and match[2] in ends and not match[3]:
            rest = _without(bytes(stream), content)
            taken += len(stream) - len(rest)
            stream[:] = rest
    return taken


def _without(stream: bytes, content: bytes) -> bytes:
    """The stream without the messages that are the next part of the file."""
    kept, offset, at = bytearray(), 0, 0
    while at < len(stream):
        end = at + LENGTH_BYTES + int.from_bytes(stream[at : at + LENGTH_BYTES], "big")
        message = stream[at + LENGTH_BYTES : end]
        if message and message == content[offset : offset + len(message)]:
            offset += len(message)
            kept += stream[at : at + LENGTH_BYTES]
        else:
            kept += stream[at:end]
        at = end
    return bytes(kept)
