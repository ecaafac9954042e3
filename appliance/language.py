"""The languages of pages and reports: texts from message catalogues, numbers and dates after the Unicode CLDR (Babel).

English is the source: a message is its English text. The catalogues of the other languages are in `languages/`, one
gettext file each, brought up to date by `make catalogues`. Logs, audit entries and the command line stay English.
"""

import io
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from appliance.errors import VeilsightError

Code = Literal["en", "de", "fr", "es"]
CODES: tuple[Code, ...] = get_args(Code)
SOURCE: Code = "en"
# Each language is called what its speakers call it.
NAMES: dict[Code, str] = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
# For numbers and dates. Stores in Europe write 3 October 2026 in English, too.
_LOCALES: dict[Code, str] = {"en": "en_GB", "de": "de_DE", "fr": "fr_FR", "es": "es_ES"}
FOLDER = Path(__file__).with_name("languages")


def marked(message: str) -> str:
    """`message` as it is: marks a text that is translated later, where it is shown."""
    return message


class Sentence(str):
    """An English text that knows its message, so that a document can print it in another language.

    In data, such as a report's facts, it is that English text and nothing else.
    """

    forms: tuple[str, ...]
    number: int
    values: Mapping[str, object]


def sentence(message: str, /, **values: object) -> Sentence:
    """The message in English. Numbers among the values are written as English writes them."""
    return _sentence((message,), 1, values)


def counted_sentence(one: str, many: str, number: int, /, **values: object) -> Sentence:
    """The form of the message for `number`, which it may call `%(num)s`."""
    return _sentence((one, many), number, {"num": number} | values)


def _sentence(forms: tuple[str, ...], number: int, values: Mapping[str, object]) -> Sentence:
    source = english()
    message = forms[0] if number == 1 else forms[-1]
    found = Sentence(message % source.written(values))
    found.forms, found.number, found.values = forms, number, values
    return found


def said(error: VeilsightError) -> Sentence:
    """What the error says, as a sentence."""
    return sentence(error.message if error.values else error.message.replace("%", "%%"), **error.values)


def parts_of(text: str) -> dict[str, Any] | None:
    """What makes the sentence again, as JSON can hold it; None for a text that is no `Sentence`."""
    if not isinstance(text, Sentence):
        return None
    values = {name: _part_of(value) for name, value in text.values.items()}
    return {"forms": list(text.forms), "number": text.number, "values": values}


def _part_of(value: object) -> object:
    if isinstance(value, Sentence):
        return parts_of(value)
    return value if isinstance(value, int | float) else str(value)


def joined(texts: Sequence[str]) -> Sentence:
    """The texts as one, with semicolons between them."""
    places = "; ".join(f"%(part{number})s" for number, _ in enumerate(texts))
    return sentence(places, **{f"part{number}": text for number, text in enumerate(texts)})


@dataclass(frozen=True)
class Language:
    """One language. All texts are formatted with `%`, so a percent sign in a message is written twice."""

    code: Code
    locale: Locale = field(repr=False)
    translations: NullTranslations = field(repr=False)
    # The texts of the pages' scripts, by their English, and all texts, with both forms of those that have two.
    scripts: Mapping[str, str] = field(default_factory=dict, repr=False)
    texts: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict, repr=False)

    def gettext(self, message: str, /, **values: object) -> str:
        """The message in this language, with `values` in the places that it names, such as `%(name)s`."""
        return self.translations.gettext(message) % values

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        """The form of the message for `number`, which the message may call `%(num)s`."""
        return self.translations.ngettext(one, many, number) % ({"num": self.number(number)} | values)

    def told(self, sentence: Sentence) -> str:
        """The sentence in this language, the sentences among its values included."""
        forms, number = sentence.forms, sentence.number
        find = self.translations
        message = find.gettext(forms[0]) if len(forms) == 1 else find.ngettext(forms[0], forms[1], number)
        return message % self.written(sentence.values)

    def written(self, values: Mapping[str, object]) -> dict[str, object]:
        """Numbers and sentences as this language writes them."""
        return {name: self._written(value) for name, value in values.items()}

    def _written(self, value: object) -> object:
        if isinstance(value, Sentence):
            return self.told(value)
        return self.decimal(value, 4) if isinstance(value, int | float) else value

    def number(self, value: float, decimals: int = 0) -> str:
        """Such as 1,234 in English and 1.234 in German."""
        digits = "#,##0" + (f".{'0' * decimals}" if decimals else "")
        return numbers.format_decimal(value, format=digits, locale=self.locale)

    def decimal(self, value: float, most: int = 2) -> str:
        """A number with no more decimals than it needs, at most `most`: 0.5, 1.25, 3."""
        return numbers.format_decimal(value, format="#,##0." + "#" * most, locale=self.locale)

    def percent(self, part: float) -> str:
        """`part` 1.0 is 100 %, in whole percent."""
        return numbers.format_percent(part, locale=self.locale)

    def weekday(self, value: date) -> str:
        return dates.format_date(value, "EEEE", locale=self.locale)

    def month(self, value: date) -> str:
        """Such as October 2026."""
        return self.dated(value, "yMMMM")

    def day(self, value: date) -> str:
        """Such as 3 October 2026."""
        return dates.format_date(value, "long", locale=self.locale)

    def dated(self, value: date, skeleton: str) -> str:
        """Parts of a day or moment in this language's order: a skeleton of the CLDR, such as `yMMMEd`."""
        return str(dates.format_skeleton(skeleton, value, locale=self.locale))

    def short_day(self, value: date) -> str:
        """Such as 3 Oct 2026."""
        return dates.format_date(value, "medium", locale=self.locale)

    def days(self, first: date, last: date) -> str:
        """Such as 1 to 31 October 2026, with no more repeated than needed."""
        if first == last:
            return self.day(first)
        if (first.year, first.month) == (last.year, last.month):
            return self.gettext("%(number)s to %(last)s", number=first.day, last=self.day(last))
        same_year = first.year == last.year
        beginning = self.dated(first, "MMMMd") if same_year else self.day(first)
        return self.gettext("%(first)s to %(last)s", first=beginning, last=self.day(last))

    def moment(self, value: datetime, zone: ZoneInfo, with_seconds: bool = False) -> str:
        """Such as 3 Oct 2026, 14:05 in the site's time zone."""
        local = value.astimezone(zone)
        clock = f"{local:%H:%M:%S}" if with_seconds else f"{local:%H:%M}"
        return f"{self.short_day(local.date())}, {clock}"


class Languages:
    """The languages that there are. A catalogue is read when its language is first asked for, and then kept.

    Safe to use from several threads.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._read: dict[Code, Language] = {}

    def get(self, code: Code) -> Language:
        with self._lock:
            if code not in self._read:
                self._read[code] = english() if code == SOURCE else read_language(code, self._folder)
            return self._read[code]


def english() -> Language:
    """The source: every message as it is written."""
    return Language(SOURCE, Locale.parse(_LOCALES[SOURCE]), NullTranslations())


def read_language(code: Code, folder: Path = FOLDER) -> Language:
    """A language with its catalogue, compiled in memory. A message that it lacks is shown in English."""
    with (folder / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    scripts = {
        message.id: message.string
        for message in catalogue
        if isinstance(message.id, str) and isinstance(message.string, str) and message.string
        if any(file.endswith(".js") for file, _ in message.locations)
    }
    texts = {
        message.id if isinstance(message.id, str) else message.id[0]: _forms(message.string)
        for message in catalogue
        if message.id and message.string and all(message.string)
    }
    return Language(code, Locale.parse(_LOCALES[code]), Translations(compiled), scripts, texts)


def _forms(text: str | Sequence[str]) -> str | tuple[str, ...]:
    return text if isinstance(text, str) else tuple(text)


def find_code(name: str) -> Code | None:
    """The language of this code, or None if there is none."""
    return next((code for code in CODES if code == name), None)


def choose(names: Sequence[str | None]) -> Code:
    """The first of `names` that is a language here; the source if none is."""
    return next((code for name in names if name and (code := find_code(name))), SOURCE)
