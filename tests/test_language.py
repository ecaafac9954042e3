"""Texts, numbers and dates by language, and the catalogues against what the pages and the programs say."""

import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages import Catalog, Message
from babel.messages.pofile import read_po

from appliance.language import CODES, FOLDER, Code, Languages, choose
from tests.conftest import REPOSITORY

TRANSLATED = [code for code in CODES if code != "en"]
PLACE = re.compile(r"%(?:\((\w+)\))?(.)|\{(\w+)\}")
MARKUP = re.compile(r"</?[a-z][^>]*>")


@pytest.fixture(scope="module")
def languages() -> Languages:
    return Languages()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The texts that pages and programs mark for translation, found as `make catalogues` finds them."""
    path = tmp_path_factory.mktemp("catalogue") / "messages.pot"
    command = [str(Path(sys.executable).with_name("pybabel")), "--quiet", "extract", "--keywords", "marked"]
    command += ["--keywords", "sentence", "--keywords", "counted_sentence:1,2"]
    command += ["--mapping-file", str(FOLDER / "extraction.cfg"), "--output-file", str(path)]
    command += ["appliance", "templates", "static"]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    with path.open("rb") as file:
        return read_po(file)


def read(code: str) -> Catalog:
    with (FOLDER / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)


def forms(text: str | Sequence[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated_and_no_translation_is_left_over(code: str, template: Catalog) -> None:
    catalogue = read(code)
    wanted = {str(forms(message.id)[0]) for message in messages(template)}
    found = {str(forms(message.id)[0]) for message in messages(catalogue)}
    assert wanted - found == set(), "run `make catalogues` and translate these"
    assert found - wanted == set(), "run `make catalogues`"
    assert [message.id for message in messages(catalogue) if not all(forms(message.string))] == []
    assert [message.id for message in messages(catalogue) if message.fuzzy] == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_translations_have_the_places_and_the_markup_of_their_source(code: str) -> None:
    for message in messages(read(code)):
        sources, texts = forms(message.id), forms(message.string)
        for text in texts:
            # The singular may leave the number out.
            allowed = [sorted(PLACE.findall(source)) for source in sources]
            assert sorted(PLACE.findall(text)) in allowed, (message.id, text)
            assert sorted(MARKUP.findall(text)) in [sorted(MARKUP.findall(source)) for source in sources], text
            assert text[:1].isspace() == sources[0][:1].isspace(), (message.id, text)


@pytest.mark.parametrize(
    ("code", "number", "percent", "day", "days", "moment"),
    [
        ("en", "1,234.5", "12%", "3 October 2026", "1 to 31 October 2026", "3 Oct 2026, 16:05"),
        ("de", "1.234,5", "12 %", "3. Oktober 2026", "1. bis 31. Oktober 2026", "03.10.2026, 16:05"),
        ("fr", "1 234,5", "12 %", "3 octobre 2026", "du 1 au 31 octobre 2026", "3 oct. 2026, 16:05"),
        ("es", "1.234,5", "12 %", "3 de octubre de 2026", "del 1 al 31 de octubre de 2026", "3 oct 2026, 16:05"),
    ],
)
def test_numbers_and_dates_are_written_as_in_the_language(
    languages: Languages, code: Code, number: str, percent: str, day: str, days: str, moment: str
) -> None:
    language = languages.get(code)
    told = [
        language.number(1234.5, 1),
        language.percent(0.12),
        language.day(date(2026, 10, 3)),
        language.days(date(2026, 10, 1), date(2026, 10, 31)),
        language.moment(datetime(2026, 10, 3, 14, 5, tzinfo=UTC), ZoneInfo("Europe/Paris")),
    ]
    # Which of Unicode's narrow spaces stands there is the CLDR's affair.
    assert [re.sub(r"\s", " ", text) for text in told] == [number, percent, day, days, moment]


def test_a_period_repeats_no_more_than_needed(languages: Languages) -> None:
    english = languages.get("en")
    assert english.days(date(2026, 10, 3), date(2026, 10, 3)) == "3 October 2026"
    assert english.days(date(2026, 9, 1), date(2026, 10, 3)) == "1 September to 3 October 2026"
    assert english.days(date(2025, 9, 1), date(2026, 10, 3)) == "1 September 2025 to 3 October 2026"


def test_a_text_without_a_translation_is_shown_in_english(languages: Languages) -> None:
    assert languages.get("de").gettext("No such text in 100%% of %(what)s", what="cases") == (
        "No such text in 100% of cases"
    )
    assert languages.get("fr").ngettext("%(num)s such text", "%(num)s such texts", 2) == "2 such texts"


@pytest.mark.parametrize(
    ("names", "code"),
    [(("xx", None, "fr", "de"), "fr"), ((None, None, "es"), "es"), (("klingon",), "en"), ((), "en")],
)
def test_the_first_language_that_there_is_is_chosen(names: Sequence[str | None], code: Code) -> None:
    assert choose(names) == code
