"""What processes did, by strace: every byte they wrote, where they connected, what memory they shared.

strace sees each system call of every process and thread from the first one on. Calls that move bytes without showing
them are listed apart, so that nothing passes unseen.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.containment.sampling import PROGRAMS

WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg")
STARTS = ("execve", "execveat", "clone", "clone3", "fork", "vfork")
# These copy from one descriptor to another in the kernel; what they copy from is named and looked at by itself.
COPIES = ("sendfile", "copy_file_range")
# These move bytes in ways that the trace can't show.
BLIND = (
    "splice",
    "tee",
    "vmsplice",
    "process_vm_writev",
    "process_vm_readv",
    "io_uring_setup",
    "io_submit",
    "shmat",
    "mq_timedsend",
    "ptrace",
)
TRACED = (*WRITES, *STARTS, *COPIES, *BLIND, "connect", "bind", "mmap", "memfd_create")

LINE = re.compile(r"(\d+)\s+(\w+)\((.*)", re.DOTALL)
RESUMED = re.compile(r"(\d+)\s+<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
DESCRIPTOR = re.compile(r"(-?\d+)(?:<((?:[^>]|(?<=-)>)*)>)?")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})+")
RESULT = re.compile(r"\) += (-?\w+)(?: (E\w+))?")


def command(output: Path) -> list[str]:
    """The words that go before a command so that it and all it starts are traced into `output`."""
    options = ["-f", "--seccomp-bpf", "-qq", "-yy", "-xx", "-s", str(1 << 27), "-e", "signal=none"]
    return ["strace", *options, "-e", f"trace={','.join(TRACED)}", "-o", str(output), "--"]


@dataclass(frozen=True)
class Connection:
    """A call of connect, bind, or a datagram with an address; `outcome` is 0 or the error's name."""

    program: str
    call: str
    address: str
    outcome: str


@dataclass
class Trace:
    """What was seen. `streams` joins all that went to a file, pipe or socket, in the order in which it was written."""

    streams: dict[str, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    connections: list[Connection] = field(default_factory=list)
    shared: set[tuple[str, str]] = field(default_factory=set)
    copied: set[tuple[str, str]] = field(default_factory=set)
    blind: set[tuple[str, str]] = field(default_factory=set)
    cut: int = 0
    _parents: dict[str, str] = field(default_factory=dict)
    _commands: dict[str, str] = field(default_factory=dict)

    def program(self, task: str) -> str:
        """The command line that a process or thread belongs to."""
        for _ in range(100):
            if task in self._commands:
                return self._commands[task]
            if task not in self._parents:
                break
            task = self._parents[task]
        return f"process {task}"


def read(path: Path) -> Trace:
    """Parse what strace wrote."""
    trace = Trace()
    calls = list(_calls(path))
    # Who started whom is needed first: a child's lines may stand before its parent's call returns.
    for task, name, text in calls:
        if name in STARTS:
            _started(trace, task, name, text)
    for task, name, text in calls:
        _take(trace, task, name, text)
    return trace


def _calls(path: Path) -> Iterator[tuple[str, str, str]]:
    """Task, call and text; a call that others interrupted is put together again."""
    unfinished: dict[str, tuple[str, str]] = {}
    with path.open(encoding="ascii", errors="replace") as file:
        for line in file:
            resumed = RESUMED.match(line)
            if resumed:
                task, name, rest = resumed.groups()
                before = unfinished.pop(task, (name, ""))[1]
                yield task, name, before + rest
                continue
            call = LINE.match(line)
            if not call:
                continue
            task, name, rest = call.groups()
            if rest.rstrip().endswith("<unfinished ...>"):
                unfinished[task] = name, rest.rpartition(" <unfinished")[0]
            else:
                yield task, name, rest
    for task, (name, rest) in unfinished.items():
        yield task, name, rest


def _started(trace: Trace, task: str, name: str, text: str) -> None:
    outcome = _outcome(text)
    if name.startswith("execve"):
        if outcome == "0":
            words = [_decode(match[1]).decode(errors="replace") for match in TEXT.finditer(text.partition("[")[2])]
            trace._commands[task] = _short(words)
    elif outcome.isdigit() and outcome != "0":
        trace._parents.setdefault(outcome, task)


def _take(trace: Trace, task: str, name: str, text: str) -> None:
    if name in WRITES:
        _written(trace, task, name, text)
    elif name in ("connect", "bind"):
        address = _readable(text.partition("{")[2].partition("}")[0])
        trace.connections.append(Connection(trace.program(task), name, address, _outcome(text)))
    elif name == "mmap" and "MAP_SHARED" in text and "PROT_WRITE" in text:
        parts = text.split(", ")
        where = _place(parts[4]) if len(parts) > 4 else "?"
        trace.shared.add((trace.program(task), "memory without a name" if where.startswith("-1") else where))
    elif name == "memfd_create":
        trace.shared.add((trace.program(task), "memfd"))
    elif name in COPIES:
        parts = text.split(", ")
        # sendfile names the target first, copy_file_range the source.
        first, second = _place(parts[0]), _place(parts[1 if name == "sendfile" else 2])
        trace.copied.add((second, first) if name == "sendfile" else (first, second))
    elif name in BLIND and _outcome(text).lstrip("-").isdigit() and not _outcome(text).startswith("-"):
        trace.blind.add((trace.program(task), name))


def _written(trace: Trace, task: str, name: str, text: str) -> None:
    place = _place(text)
    body = text.partition(", ")[2]
    # After the payload of a datagram comes its address, whose text is no payload.
    address = body.find("sa_family") if name == "sendto" else -1
    payload = body if address < 0 else body[:address]
    if name in ("sendmsg", "sendmmsg"):
        payload = "".join(part[: part.find("}")] for part in body.split("iov_base=")[1:])
    for match in TEXT.finditer(payload):
        trace.streams[place] += _decode(match[1])
        trace.cut += bool(match[2])
    if "sa_family=" in body and "AF_UNSPEC" not in body:
        to = _readable(body[body.find("sa_family") :].partition("}")[0])
        trace.connections.append(Connection(trace.program(task), name, to, _outcome(text)))


def _place(text: str) -> str:
    match = DESCRIPTOR.match(text)
    if not match:
        return text[:40]
    return _readable(match[2]) if match[2] else match[1]


def _outcome(text: str) -> str:
    found = RESULT.findall(text[-200:])
    if not found:
        return "?"
    number, error = found[-1]
    return str(error or number)


def _decode(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _readable(text: str) -> str:
    return ESCAPED.sub(lambda match: _decode(match[0]).decode(errors="replace"), text)


def _short(words: list[str]) -> str:
    """A command line's last word that says something: `web` of the programs, else the program's name."""
    for program in (*PROGRAMS, "run"):
        if "appliance.cli.main" in words and program in words:
            return program
    return Path(words[0]).name if words else "?"
