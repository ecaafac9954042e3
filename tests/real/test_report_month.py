"""A month's report of 16 cameras, as a lawyer would be handed it, read by other programs than the one that made it."""

import csv
import io
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pikepdf
import pytest

from appliance.reports.attachments import FACTS, METRICS, read_attachments
from appliance.reports.build import BuiltReport, build_report
from appliance.reports.schema import read_schema
from appliance.reports.verify import State, verify_report
from appliance.settings import Paths, find_paths
from appliance.storage.keys import read_public_key
from appliance.storage.site import open_site
from benchmarks.report_month import BUILT, FIRST, LAST, PLACES, SETTINGS, make_month


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("month")
    site, _ = make_month(folder)
    site.engine.dispose()
    return folder


def build(folder: Path) -> tuple[BuiltReport, Paths]:
    paths = find_paths({"HOME": str(folder)}, folder / "state")
    site = open_site(paths)
    built = build_report(paths, SETTINGS, site.engine, FIRST, LAST, "schedule", BUILT, SETTINGS.reports[0])
    site.engine.dispose()
    return built, paths


@pytest.fixture(scope="module")
def report(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("copy") / "site"
    shutil.copytree(folder, copy)
    return build(copy)[0].path


@pytest.fixture(scope="module")
def facts(report: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_attachments(report.read_bytes())[FACTS])
    return found


def text_of(report: Path, *options: str) -> str:
    run = subprocess.run(["pdftotext", *options, report, "-"], capture_output=True, text=True, check=True)
    # Long words may break at places that print as nothing.
    return re.sub(r"\s+", " ", run.stdout.replace("\u200b", ""))


def test_the_facts_fit_the_published_schema(facts: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(json.loads(read_schema())).validate(facts)


def test_the_summary_is_one_page_with_a_light_and_evidence_for_each_promise(
    report: Path, facts: dict[str, Any]
) -> None:
    first, second = text_of(report, "-l", "1"), text_of(report, "-f", "2", "-l", "2")
    assert len(facts["promises"]) == 9
    for promise in facts["promises"]:
        for said in (promise["says"], promise["evidence"]):
            words = said.replace("-", "").split()[:4]
            assert " ".join(words) in first.replace("-", "").replace("- ", "")
    assert {promise["light"] for promise in facts["promises"]} == {"kept", "look"}
    assert "Contents" in second
    assert f"{facts['frames']['analysed']:,}" in first


def test_the_same_database_and_period_give_the_same_facts_byte_for_byte(
    folder: Path, report: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "site")
    again, _ = build(tmp_path / "site")
    first, second = (read_attachments(path.read_bytes()) for path in (report, again.path))
    assert first[FACTS] == second[FACTS]
    assert first[METRICS] == second[METRICS]


def test_a_whole_site_is_verified_from_the_file_and_the_key_alone(report: Path, tmp_path: Path) -> None:
    key = read_public_key(report.parent.parent / "keys" / "signing.pub")
    for path in (report, report.with_name(f"{report.name}.sig")):
        shutil.copy(path, tmp_path)
    september = next(report.parent.glob("*2026-09-01*.pdf"))
    verdict = verify_report(tmp_path / report.name, key, [september])
    assert verdict.state is State.VALID
    assert "still holds everything" in verdict.sentence


def test_the_counts_are_attached_as_a_table(report: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(read_attachments(report.read_bytes())[METRICS].decode())))
    assert {row["camera"] for row in rows} == {place.name for place in PLACES}
    assert {"crossings", "visits", "occupancy_seconds", "dwell", "observed_seconds"} <= {row["measure"] for row in rows}
    assert all(row["anonymity"] == "differential (epsilon 2)" for row in rows)


def structure(document: pikepdf.Pdf) -> Iterator[pikepdf.Dictionary]:
    """Every element of the structure tree."""
    waiting = [document.Root.StructTreeRoot.K]
    while waiting:
        item = waiting.pop()
        if isinstance(item, pikepdf.Array):
            waiting += list(item)
        elif isinstance(item, pikepdf.Dictionary) and "/S" in item:
            yield item
            if "/K" in item:
                waiting.append(item.K)


def test_a_screen_reader_finds_headings_tables_with_heads_and_words_for_each_chart(report: Path) -> None:
    with pikepdf.open(report) as document:
        elements = list(structure(document))
        kinds = Counter(str(element.S) for element in elements)
        figures = [element for element in elements if element.S == "/Figure"]
        assert figures
        assert all(str(figure.get("/Alt", "")).strip() for figure in figures)
        assert document.Root.MarkInfo.Marked
    assert kinds["/H1"] >= 10
    assert kinds["/H2"] >= 15
    assert kinds["/Table"] >= 15
    assert kinds["/TH"] >= 4 * 15
    assert kinds["/TOCI"] >= 10


def test_charts_and_the_logo_are_drawn_and_not_made_of_pixels(report: Path) -> None:
    listed = subprocess.run(["pdfimages", "-list", report], capture_output=True, text=True, check=True).stdout
    assert len(listed.splitlines()) == 2, "the head of the list alone"
    with pikepdf.open(report) as document:
        drawn = sum(len(pikepdf.parse_content_stream(page)) for page in document.pages)
    assert drawn > 5000


def test_no_page_is_left_nearly_empty_and_nothing_reaches_the_margin(report: Path) -> None:
    pages = subprocess.run(["pdftotext", "-bbox", report, "-"], capture_output=True, text=True, check=True).stdout
    for page in pages.split("<page ")[1:]:
        words = re.findall(r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)"', page)
        assert len(words) > 60
        assert min(float(left) for left, _, _ in words) > 65
        assert max(float(right) for _, _, right in words) < 595 - 65


def test_qpdf_and_every_section_with_its_source(report: Path, facts: dict[str, Any]) -> None:
    checked = subprocess.run(["qpdf", "--check", report], capture_output=True, text=True, check=True).stdout
    assert "No syntax or stream encoding errors found" in checked
    words = text_of(report)
    for said in (
        *("Dr. Hanna Weiß", "interests weighed on 3 March 2026", "https://markthalle.example/kameras"),
        *("the doors and the first three metres", "at the entrance, at eye level", "all: the program was stopped"),
        *("PP-OCRv6 small text (INT8)", "The folder /mnt/holding", "The log still begins with the"),
        *("People counted by eye 6 times", "at most 32.0", "NPU"),
    ):
        assert said in words, said
    (outage,) = next(row["outages"] for row in facts["cameras"] if row["name"] == "fish")
    assert f"{outage['entry']:,}, {outage['until_entry']:,}" in text_of(report, "-layout")
