"""In which line of a TOML file something stands, so that a message can name it.

The library that reads TOML tells the line of what is no TOML, and of nothing else. Here it reads the file again, a line
more each time: what stands at a path begins after the last whole beginning of the file that does not hold it yet.
"""

import re
import tomllib
from collections.abc import Sequence
from typing import Any

Path = Sequence[str | int]

STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")
UNKNOWN = re.compile(r"^Object contains unknown field `([^`]+)`")
PLACE = re.compile(r" - at `\$([^`]*)`$")


def split_message(message: str) -> tuple[str, tuple[str | int, ...]]:
    """A message of msgspec's, such as "Expected `int` - at `$.web.port`", as the reason and the path.

    A field that is unknown is the path's last part; what can't be followed, such as a dictionary's key, ends the path.
    """
    found = PLACE.search(message)
    reason = message[: found.start()] if found else message
    path: list[str | int] = []
    text, position = (found[1] if found else ""), 0
    while step := STEP.match(text, position):
        path.append(step[1] if step[1] is not None else int(step[2]))
        position = step.end()
    if unknown := UNKNOWN.match(reason):
        path.append(unknown[1])
    return reason, tuple(path)


def line_of(text: str, path: Path) -> int | None:
    """The line, from 1, at which the statement begins that gives the value at this path; of what lacks, its table's.

    None where nothing of the path is there, or the text is no TOML.
    """
    lines = text.splitlines()
    for length in range(len(path), 0, -1):
        found = _first_line(lines, path[:length])
        if found is not None:
            return found
    return None


def _first_line(lines: Sequence[str], path: Path) -> int | None:
    whole = 0
    for number in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("\n".join(lines[:number]) + "\n")
        except tomllib.TOMLDecodeError:
            # In the middle of a value of several lines.
            continue
        if _holds(document, path):
            rest = enumerate(lines[whole:number], whole + 1)
            return next(place for place, line in rest if line.strip() and not line.lstrip().startswith("#"))
        whole = number
    return None


def _holds(document: Any, path: Path) -> bool:
    for part in path:
        if isinstance(part, int):
            if not isinstance(document, list) or part >= len(document):
                return False
        elif not isinstance(document, dict) or part not in document:
            return False
        document = document[part]
    return True
