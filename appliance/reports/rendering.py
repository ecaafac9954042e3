"""Report content to PDF/A-3b (ISO 19005-3), by Typst.

Only the typefaces inside Typst are used and nothing is fetched, so that equal content gives equal bytes on every
machine. The content goes in as data: no text of it is ever read as Typst source.
"""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import typst

from appliance.errors import VeilsightError
from appliance.language import Language, Sentence, english
from appliance.reports.content import ReportContent
from appliance.resources import find_resource

PDF_STANDARD: Final = "a-3b"
# Longest piece of text that goes onto paper; the attachment has all of it.
LONGEST_SHOWN = 600
# Scripts whose every letter Typst's typefaces have; other characters are tried out one by one.
SURELY_PRINTABLE = frozenset(map(chr, [*range(0x20, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x180)]))
# Line and paragraph separators, private use, unassigned, surrogates and controls, which include those that turn
# the reading direction round: in a legal document no character may hide or reorder others.
HIDING_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


class RenderingFailed(VeilsightError):
    """Typst could not make a PDF/A-3b of the content."""


def render(content: ReportContent, language: Language | None = None) -> bytes:
    """Typeset the report in a language (English without one); the attached JSON is `content.canonical()` byte for byte.

    Raises `RenderingFailed`. Takes well under a second for a month of four cameras.
    """
    language = language or english()
    inputs = {
        "facts": content.canonical().decode("utf-8"),
        "metrics": content.metrics,
        "logo": content.logo,
        "language": describe_language(language),
    }
    printed = in_language(content.facts | {"built": content.built}, language)
    return typeset(find_resource("templates", "report.typ"), printed, inputs, content.built_timestamp)


def in_language(value: Any, language: Language) -> Any:
    """A JSON value with its sentences in another language; all other texts stay as they are."""
    if isinstance(value, Sentence):
        return language.told(value)
    if isinstance(value, dict):
        return {key: in_language(each, language) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [in_language(each, language) for each in value]
    return value


def describe_language(language: Language) -> str:
    """What a template needs to speak a language, as JSON: `say` and `number` of templates/report/layout.typ use it."""
    symbols = language.locale.number_symbols["latn"]
    months = language.locale.months["format"]["wide"]
    english_short, short = (each.locale.months["stand-alone"]["abbreviated"] for each in (english(), language))
    found = {
        "code": language.code,
        "texts": {english_short[number]: short[number] for number in range(1, 13)} | dict(language.texts),
        "group": symbols["group"],
        "decimal": symbols["decimal"],
        "months": [months[number] for number in range(1, 13)],
    }
    return json.dumps(found, ensure_ascii=False)


def typeset(template: Path, facts: dict[str, Any], inputs: dict[str, str], timestamp: int) -> bytes:
    """PDF/A-3b of a template, which gets the facts as they can be printed as its input `shown`, beside `inputs`.

    `timestamp` is the moment of making in seconds since 1970. Raises `RenderingFailed`.
    """
    characters = _characters(facts)
    try:
        return _compile(template, inputs | {"shown": _shown(facts, find_unprintable(characters))}, timestamp)
    except typst.TypstError as error:
        if "could not be displayed" not in error.message:
            raise RenderingFailed(f"The report can't be typeset: {error.message}.") from error
    # Characters that print alone but not beside their neighbours; rare, so all doubtful ones are written out.
    try:
        shown = _shown(facts, frozenset(characters - SURELY_PRINTABLE))
        return _compile(template, inputs | {"shown": shown}, timestamp)
    except typst.TypstError as error:
        raise RenderingFailed(f"The report can't be typeset: {error.message}.") from error


def find_unprintable(characters: frozenset[str]) -> frozenset[str]:
    """The characters that can't be put on paper: those that hide or reorder text and those without a glyph.

    PDF/A forbids text without a glyph, so one camera named in a script that the typefaces lack would otherwise make
    the whole report fail. The doubtful characters are set in a tiny document, halving where that fails.
    """
    hiding = frozenset(each for each in characters if unicodedata.category(each) in HIDING_CATEGORIES)
    doubtful = sorted(characters - hiding - SURELY_PRINTABLE)
    return hiding | frozenset(_search(doubtful, _prints))


def _search(characters: list[str], prints: Callable[[list[str]], bool]) -> list[str]:
    if not characters or prints(characters):
        return []
    if len(characters) == 1:
        return characters
    middle = len(characters) // 2
    return _search(characters[:middle], prints) + _search(characters[middle:], prints)


def _prints(characters: list[str]) -> bool:
    try:
        _compile(find_resource("templates", "report", "probe.typ"), {"shown": json.dumps(characters)}, 0)
    except typst.TypstError:
        return False
    return True


def _compile(source: Path, inputs: dict[str, str], timestamp: int) -> bytes:
    return typst.compile(
        source,
        # Typst may read the templates beside the source, and nothing else.
        root=find_resource("templates", "report.typ").parent,
        format="pdf",
        font_paths=typst.Fonts(include_system_fonts=False),
        ignore_system_fonts=True,
        sys_inputs=inputs,
        pdf_standards=[PDF_STANDARD],
        timestamp=timestamp,
    )


def _characters(value: Any) -> frozenset[str]:
    """Every character of every string in a JSON value, keys apart."""
    if isinstance(value, str):
        return frozenset(value)
    if isinstance(value, dict):
        return frozenset().union(*map(_characters, value.values()))
    if isinstance(value, list | tuple):
        return frozenset().union(*map(_characters, value))
    return frozenset()


def _shown(facts: dict[str, Any], unprintable: frozenset[str]) -> str:
    """The facts as they are printed: unprintable characters as their Unicode numbers, endless texts cut."""
    # The checkpoint and no other text has lines.
    written = {ord(each): f"[U+{ord(each):04X}]" for each in unprintable if each != "\n"}
    substituted = False

    def convert(value: Any) -> Any:
        nonlocal substituted
        if isinstance(value, str):
            shown = value.translate(written)
            substituted = substituted or shown != value
            return shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + "…"
        if isinstance(value, dict):
            return {key: convert(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [convert(each) for each in value]
        return value

    shown = convert(facts)
    return json.dumps({**shown, "substituted": substituted}, ensure_ascii=False)
