"""What processes hold while they run: memory that they share, and whether their memory could reach the disk."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from appliance.vision.background import Beside

EVERY_SECONDS = 0.5
LARGEST = 1 << 27
PROGRAMS = ("engine", "web", "courier", "redactor", "searcher")
PROC = Path("/proc")


@dataclass
class Samples:
    """`shared`: contents of writable shared memory by name, each once. `swapped`: kibibytes, the most seen, and
    `dumpable`: programs whose core file size is not limited to 0; both by command line."""

    shared: dict[str, list[bytes]] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    swapped: dict[str, int] = field(default_factory=dict)
    dumpable: set[str] = field(default_factory=set)


class Sampler(Beside):
    """Looks at a process and all that it started, again and again, while the context lasts."""

    def __init__(self, root: int) -> None:
        super().__init__("sampler")
        self.samples = Samples()
        self._root = root
        self._seen: set[tuple[str, bytes]] = set()

    def work(self) -> None:
        while not self.stopped.wait(EVERY_SECONDS):
            for process in descendants(self._root):
                try:
                    self._look(process)
                except OSError:
                    # It ended meanwhile.
                    continue

    def _look(self, process: int) -> None:
        folder = PROC / str(process)
        words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        name = next((word for word in PROGRAMS if word in words), "")
        if name and "strace" not in words[0]:
            swapped = [line.split()[1] for line in (folder / "status").read_text().splitlines() if "VmSwap" in line]
            self.samples.swapped[name] = max(int(swapped[0]) if swapped else 0, self.samples.swapped.get(name, 0))
            limit = next(line for line in (folder / "limits").read_text().splitlines() if "core file" in line)
            if limit.split()[4:6] != ["0", "0"]:
                self.samples.dumpable.add(name)
            else:
                self.samples.dumpable.discard(name)
        for start, end, where in shared_mappings(folder):
            self._keep(folder, start, end, where)

    def _keep(self, folder: Path, start: int, end: int, where: str) -> None:
        try:
            with (folder / "mem").open("rb", buffering=0) as memory:
                memory.seek(start)
                content = memory.read(min(end - start, LARGEST))
        except OSError:
            self.samples.unread.add(where)
            return
        digest = hashlib.sha256(content).digest()
        if (where, digest) not in self._seen:
            self._seen.add((where, digest))
            self.samples.shared.setdefault(where, []).append(content)


def descendants(root: int) -> list[int]:
    """The process and all below it."""
    parents: dict[int, int] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    found = [root]
    for process in found:
        found.extend(child for child, parent in parents.items() if parent == process)
    return found


def shared_mappings(folder: Path) -> Iterator[tuple[int, int, str]]:
    """Start, end and name of each writable mapping that another process may see too."""
    for line in (folder / "maps").read_text().splitlines():
        addresses, rights, *rest = line.split(maxsplit=5)
        if rights[1] == "w" and rights[3] == "s":
            start, end = (int(text, 16) for text in addresses.split("-"))
            yield start, end, rest[3] if len(rest) > 3 else "memory without a name"
