"""The report's PDF in four languages: the words on its pages, the document's language, and the same facts."""

import re
from datetime import date
from pathlib import Path

import pikepdf
import pytest

from appliance.language import Code, Languages
from appliance.reports.attachments import FACTS, read_attachments
from appliance.reports.rendering import render
from tests.real.test_report_pdf import words_of
from tests.reports.conftest import Place, fill_october, make_place
from tests.reports.test_content import content

SAID: dict[Code, tuple[str, ...]] = {
    "en": ("Compliance report", "1 October 2026 to 31 October 2026", "Page 1 of", "network camera (RTSP)", "13 months"),
    "de": ("Compliance-Bericht", "1. Oktober 2026 bis 31. Oktober 2026", "Seite 1 von", "Netzwerkkamera", "13 Monate"),
    "fr": ("Rapport de conformité", "1 octobre 2026 au 31 octobre 2026", "Page 1 sur", "caméra réseau", "13 mois"),
    "es": ("Informe de cumplimiento", "1 de octubre de 2026", "Página 1 de", "cámara de red", "13 meses"),
}
# Words that each page of an English report is full of, and that are words of no other language here.
ENGLISH = re.compile(r"\b(the|and|of|were|with|from|which|entries|period|counts|nothing)\b")


@pytest.fixture(scope="module")
def october(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = make_place(tmp_path_factory.mktemp("languages"))
    fill_october(place, ("Entrance",))
    return place


def test_the_report_is_in_the_language_that_was_asked_for(october: Place, tmp_path: Path) -> None:
    told = content(october)
    languages = Languages()
    facts = set[bytes]()
    for code, phrases in SAID.items():
        path = tmp_path / f"{code}.pdf"
        path.write_bytes(render(told, languages.get(code)))
        words = words_of(path)
        for phrase in phrases:
            assert phrase in words, (code, phrase)
        with pikepdf.open(path) as document:
            assert str(document.Root.Lang) == code
        facts.add(read_attachments(path.read_bytes())[FACTS])
        if code != "en":
            assert ENGLISH.findall(words) == [], code
    # What a program reads is the same in every language, byte for byte.
    assert facts == {told.canonical()}


def test_a_day_without_anything_is_told_in_each_language(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    told = content(place, date(2026, 10, 5), date(2026, 10, 5))
    for code in ("de", "fr", "es"):
        path = tmp_path / f"{code}.pdf"
        path.write_bytes(render(told, Languages().get(code)))
        assert ENGLISH.findall(words_of(path)) == [], code
