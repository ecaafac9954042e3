"""The report's PDF, read by other programs than the one that made it: qpdf, pdftotext, pikepdf."""

import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.reports.build import build_report
from appliance.reports.content import ReportContent
from appliance.reports.rendering import find_unprintable, render
from appliance.settings import Settings, Site
from appliance.storage import counting_checks
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting
from appliance.storage.counting_checks import CountingCheck
from tests.reports.conftest import NOW, Place, fill_october, make_place, utc
from tests.reports.test_content import content

AWKWARD = '#let x=1 $y^2$ *b* _it_ <label> @ref `raw` \\ "q" ~ #h(1) ]'
LONG = "AVeryLongNameWithoutAnySpaceThatGoesOnAndOnAndOnWithoutAnEnd"
NAMES = (AWKWARD, LONG, "入口 出口", "Ødegård Ωμέγα Вход", "مدخل", "ทางเข้า", "🚪")
HIDING = "a\u202egnp.exe \x07bell"


@pytest.fixture(scope="module")
def october(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = make_place(tmp_path_factory.mktemp("october"))
    fill_october(place, ("Entrance", "Back door"))
    with place.engine.begin() as connection:
        counting_checks.add(connection, CountingCheck("Entrance", utc(9, 10, 20), "ada", 540, -0.04))
    return place


@pytest.fixture(scope="module")
def report(october: Place) -> Path:
    built = build_report(
        october.paths, october.settings, october.engine, date(2026, 10, 1), date(2026, 10, 31), "ada", NOW
    )
    return built.path


def run(*command: str | Path) -> str:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout


def words_of(report: Path) -> str:
    """The text on the pages, without line ends and the places where a long word may break."""
    return re.sub(r"\s+", " ", run("pdftotext", "-layout", report, "-").replace("\u200b", ""))


def facts_of(report: Path) -> bytes:
    with pikepdf.open(report) as document:
        return bytes(document.attachments["veilsight-report.json"].get_file().read_bytes())


def test_qpdf_finds_no_fault(report: Path) -> None:
    assert "No syntax or stream encoding errors found" in run("qpdf", "--check", report)


def test_it_says_that_it_is_pdf_a_3b(report: Path) -> None:
    with pikepdf.open(report) as document:
        metadata = document.open_metadata()
        assert metadata["pdfaid:part"] == "3"
        assert metadata["pdfaid:conformance"] == "B"
        assert document.Root.OutputIntents[0].S == "/GTS_PDFA1"
        assert not document.is_encrypted


def test_the_facts_are_attached_as_its_source(report: Path) -> None:
    facts = json.loads(facts_of(report))
    assert facts_of(report) == rfc8785.dumps(facts)
    assert facts["period"]["first"] == "2026-10-01"
    with pikepdf.open(report) as document:
        assert document.Root.AF[0].AFRelationship == "/Source"
        assert document.Root.AF[0].EF.F.Subtype == "/application/json"


def test_it_holds_no_picture_no_script_and_no_form_but_its_signature(report: Path) -> None:
    with pikepdf.open(report) as document:
        for item in document.objects:
            if isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
                assert item.get("/Subtype") != "/Image"
                assert item.get("/S") not in ("/JavaScript", "/Launch", "/URI")
        (field,) = document.Root.AcroForm.Fields
        assert (field.FT, [*field.Rect]) == ("/Sig", [0, 0, 0, 0])


def test_every_font_is_embedded(report: Path) -> None:
    fonts = run("pdffonts", report).splitlines()[2:]
    assert fonts
    assert all(re.search(r"\byes\s+(yes|no)\s+(yes|no)\b", line) for line in fonts)


def test_the_pages_say_what_the_facts_say(report: Path) -> None:
    facts, words = json.loads(facts_of(report)), words_of(report)
    for expected in (
        "Corner shop Ødegård",
        "1 October 2026 to 31 October 2026",
        f"{facts['summary']['persons_in']:,}",
        "MB3-CenterNet",
        "line check",
        "13 months",
        "no noise is added",
        "ada counted the people coming in on Entrance by eye for 9",
        "the system counted 4 % fewer",
        facts["site"]["key_fingerprint"],
        "No picture left this site",
        "No person is identified or verified by biometric data",
        "not stated in this site\u2019s settings",
        "but its key is opened by a file on the same disk",
    ):
        assert expected in words
    (entry,) = (row["entry"] for row in facts["egress"]["sent"])
    assert re.search(rf"september\.pdf 12,345 (ab)+ {entry}\b", words)


def test_a_sha256_can_be_copied_from_the_page(report: Path) -> None:
    assert "ab" * 16 in run("pdftotext", "-layout", report, "-")


def test_sections_with_nothing_to_say_say_so(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    path = tmp_path / "empty.pdf"
    path.write_bytes(render(content(place, date(2026, 10, 5), date(2026, 10, 5))))
    words = words_of(path)
    for said in (
        "No camera is configured",
        "Nothing was counted in the period",
        "The log records no network in use",
        "nothing was sent to any destination",
        "nobody downloaded a report",
        "no attempt was refused and no delivery failed",
        "Nobody logged in",
        "no live view was opened",
        "No entry was made in the period",
    ):
        assert said in words


def test_equal_content_gives_equal_bytes(october: Place) -> None:
    assert render(content(october)) == render(content(october))


def test_a_log_that_does_not_verify_is_told_on_the_first_page(october: Place, tmp_path: Path) -> None:
    facts = content(october).facts
    facts["integrity"] |= {"verified": False, "message": "Entry 3 of the audit log has been changed."}
    path = tmp_path / "broken.pdf"
    path.write_bytes(render(ReportContent(facts, 0)))
    first_page = re.sub(r"\s+", " ", run("pdftotext", "-l", "1", path, "-"))
    assert "did not verify" in first_page
    assert "Entry 3 of the audit log has been changed." in first_page


def test_a_report_of_a_time_whose_data_is_gone_says_so_first(october: Place, tmp_path: Path) -> None:
    facts = content(october).facts
    facts["gaps"] = {"log_since": "2026-10-20T12:00:00+02:00", "metrics_since": None}
    path = tmp_path / "gap.pdf"
    path.write_bytes(render(ReportContent(facts, 0)))
    first_page = re.sub(r"\s+", " ", run("pdftotext", "-l", "1", path, "-"))
    assert "does not tell of the whole period" in first_page
    assert "Log entries are there since 2026-10-20 12:00:00" in first_page
    assert words_of(path).count("The log tells only of the time since 2026-10-20") == 4


def with_awkward_names(directory: Path) -> Place:
    settings = Settings(site=Site(name=AWKWARD, controller="入口 " + LONG, contact=AWKWARD))
    place = make_place(directory, settings)
    for name in NAMES:
        zone = ZoneSetting(name, ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9)))
        camera = Camera(name, "rtsp://x/", lines=(LineSetting(name, 0.1, 0.1, 0.9, 0.9),), zones=(zone,))
        place.add_camera(camera, utc(1))
        place.counted(
            utc(1), name, ("crossings", name, "person", "in", 123456789.0), ("observed_seconds", "", "", "", 900.0)
        )
        place.happened(utc(2), name, "view-opened", name, details={"reason": AWKWARD})
        place.happened(utc(2), "courier", "report-delivered", f"{name}.pdf", "report", 10**12, "ab" * 32, name)
    place.happened(utc(2), HIDING, "login", "page")
    return place


def test_awkward_names_are_printed_as_they_are_and_stay_on_the_paper(tmp_path: Path) -> None:
    place = with_awkward_names(tmp_path)
    path = tmp_path / "awkward.pdf"
    path.write_bytes(render(content(place)))
    assert {camera["name"] for camera in json.loads(facts_of(path))["cameras"]} == set(NAMES)
    words = words_of(path)
    assert "Ødegård Ωμέγα Вход" in words
    assert "[U+5165]" in words, "characters without a glyph are written out"
    assert "[U+202E]" in words, "characters that turn the text round are written out"
    assert LONG in words.replace(" ", "")
    assert AWKWARD.split("]")[0].replace(" ", "") in words.replace(" ", "").replace("“", '"').replace("”", '"')
    boxes = run("pdftotext", "-bbox", path, "-")
    width = float(re.findall(r'<page width="([0-9.]+)"', boxes)[0])
    rights = [float(right) for right in re.findall(r'xMax="([0-9.]+)"', boxes)]
    assert max(rights) < width - 60, "nothing reaches into the margin"


@pytest.fixture(scope="module")
def small_facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = make_place(tmp_path_factory.mktemp("small"))
    place.add_camera(Camera("gate", "rtsp://x/"), utc(1))
    return content(place, date(2026, 10, 5), date(2026, 10, 5)).facts


@settings(max_examples=20, deadline=None)
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_any_name_can_be_printed(name: str, small_facts: dict[str, Any]) -> None:
    facts: dict[str, Any] = json.loads(json.dumps(small_facts))
    facts["site"]["name"] = facts["cameras"][0]["name"] = name
    assert render(ReportContent(facts, 0)).startswith(b"%PDF-")


def test_what_has_no_glyph_is_found_and_what_has_one_is_not() -> None:
    assert find_unprintable(frozenset("aÅΩЖ入🚪\u202e\x07")) == frozenset("入🚪\u202e\x07")


def test_nothing_is_fetched_and_no_font_of_the_system_is_used(october: Place) -> None:
    script = (
        "import sys, json; from appliance.reports.content import ReportContent; "
        "from appliance.reports.rendering import render; "
        "sys.stdout.buffer.write(render(ReportContent(json.load(sys.stdin), 0)))"
    )
    facts = content(october).facts
    python = sys.executable
    traced = subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=socket,connect,openat", python, "-c", script],
        input=json.dumps(facts).encode(),
        capture_output=True,
        check=True,
    )
    assert traced.stdout == render(ReportContent(facts, 0))
    calls = traced.stderr.decode(errors="replace")
    assert not re.search(r"socket\(AF_INET", calls)
    assert "/usr/share/fonts" not in calls
