"""Finds the texts of Typst templates for `make catalogues`: `say("…")` and `counted("one", "many", …)`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

_STRING = r'"((?:[^"\\]|\\.)*)"'
_SAY = re.compile(rf"\bsay\(\s*{_STRING}")
_COUNTED = re.compile(rf"\bcounted\(\s*{_STRING}\s*,\s*{_STRING}")


def extract(
    file: BinaryIO, _keywords: Iterable[str], _tags: Sequence[str], options: Mapping[str, Any]
) -> Iterator[tuple[int, str, str | tuple[str, str], list[str]]]:
    """Line, function, message and comments of each text, as Babel's extractors give them."""
    source = file.read().decode(options.get("encoding", "utf-8"))

    def line(found: re.Match[str]) -> int:
        return source.count("\n", 0, found.start()) + 1

    for found in _SAY.finditer(source):
        yield line(found), "gettext", _plain(found[1]), []
    for found in _COUNTED.finditer(source):
        yield line(found), "ngettext", (_plain(found[1]), _plain(found[2])), []


def _plain(text: str) -> str:
    return text.replace('\\"', '"').replace("\\\\", "\\")
