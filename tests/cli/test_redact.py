"""`veilsight redact`: files, exit codes and what is printed."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.audit import log
from appliance.cli.main import main
from appliance.settings import find_paths
from appliance.storage.database import reading
from appliance.storage.site import create_site, open_site
from tests.vision.test_sources import write_clip


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state directory for all, so that the networks are compiled once."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def command(state: Path, default_models: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("VEILSIGHT_MODELS", str(default_models))
    return ["--state", str(state), "redact"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture of noise and a short clip."""
    folder = tmp_path / "files"
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8)
    cv2.imwrite(str(folder / "in.png"), noise)
    write_clip(folder / "in.mp4", frames=12)
    return folder


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("suffix", "frames", "words"), [("png", 1, "1 frame "), ("mp4", 12, "12 frames ")])
def test_a_file_is_redacted_and_its_report_has_a_line_a_frame(
    command: list[str], folder: Path, capsys: pytest.CaptureFixture[str], suffix: str, frames: int, words: str
) -> None:
    target, report = folder / f"out.{suffix}", folder / "report.json"
    assert main([*command, str(folder / f"in.{suffix}"), str(target), "--report", str(report)]) == 0
    output = capsys.readouterr()
    assert output.out == f"{target}: {words}redacted, 0 of them covered whole\n"
    assert output.err == ""
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(frames))
    assert {tuple(line) for line in lines} == {("frame", "time", "whole_frame", "regions")}
    assert listing(folder) == sorted(["in.png", "in.mp4", f"out.{suffix}", "report.json"])


def test_without_networks_everything_is_covered_and_that_is_a_failure(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEILSIGHT_MODELS", str(tmp_path / "empty"))
    assert main(["--state", str(tmp_path / "state"), "redact", str(folder / "in.png"), str(folder / "out.png")]) == 1
    output = capsys.readouterr()
    assert "1 of them covered whole" in output.out
    assert "veilsight models pull" in output.err
    assert output.err.count("\n") == 1
    noise, hidden = (np.asarray(cv2.imread(str(folder / name))) for name in ("in.png", "out.png"))
    assert hidden.shape == noise.shape
    assert float((hidden == hidden[-1, -1]).all(axis=2).mean()) > 0.5
    assert float((hidden == noise).all(axis=2).mean()) < 0.001


def test_a_clip_that_was_cut_off_is_redacted_as_far_as_it_goes(
    command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = write_clip(folder / "in.avi", frames=100).read_bytes()
    (folder / "in.avi").write_bytes(whole[: len(whole) * 3 // 5])
    assert main([*command, str(folder / "in.avi"), str(folder / "out.mp4")]) == 1
    output = capsys.readouterr()
    assert "it is 10.0 seconds long" in output.err
    assert " seconds." in output.err
    assert (folder / "out.mp4").stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["in.png", "in.png"], 2, "would replace"),
        (["in.png", "out.mp4"], 2, "must be named"),
        (["in.mp4", "out.txt"], 2, "must be named"),
        (["in.mp4", "out.mp4", "--report", "in.mp4"], 2, "would replace"),
        (["in.mp4", "out.mp4", "--report", "./out.mp4"], 2, "would replace"),
        (["absent.png", "out.png"], 1, "absent.png"),
        (["absent.mp4", "out.mp4"], 1, "There is no file"),
        (["text.png", "out.png"], 1, "not a picture"),
        (["text.mp4", "out.mp4"], 1, "not a video"),
        (["in.png", "absent/out.png"], 1, "can't be written"),
        (["in.png", "out.png", "--cover", "faces,hats"], 2, "'hats' can't be covered"),
        (["in.png", "out.png", "--grow", "0.5"], 2, "between 1 and 4"),
        (["in.png", "out.png", "--grow", "nan"], 2, "between 1 and 4"),
        (["in.png", "out.png", "--mask", "0,0,1"], 2, "three or more points"),
        (["in.png", "out.png", "--mask", "0,0,2,0,0,1"], 2, "three or more points"),
        (["in.png", "out.png", "--preview", "out.png"], 2, "would replace"),
        (["in.png", "out.png", "--preview", "p.jpg", "--report", "p.jpg"], 2, "would replace"),
        (["in.png", "out.png", "--preview", "sheet.pdf"], 2, "must be named"),
        (["in.png", "./in.png", "results"], 2, "would both become"),
        (["empty", "results"], 2, "no image and no video"),
        (["in.png", "out.png", "--report", "absent/report.json"], 1, "can't be written"),
    ],
)
def test_bad_arguments_are_one_sentence_and_leave_nothing(
    command: list[str],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    (folder / "text.png").write_text("no picture")
    (folder / "text.mp4").write_text("no video")
    (folder / "empty").mkdir()
    before = listing(folder)
    monkeypatch.chdir(folder)
    assert main([*command, *arguments]) == code
    output = capsys.readouterr()
    assert says in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""
    assert listing(folder) == before


def test_a_folder_is_redacted_file_by_file(
    command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "notes.txt").write_text("neither an image nor a video")
    (folder / "broken.png").write_text("no picture")
    results, report, preview = folder / "results", folder / "report.jsonl", folder / "sheet.jpg"
    arguments = [str(folder), str(results), "--report", str(report), "--preview", str(preview)]
    assert main([*command, *arguments]) == 1
    output = capsys.readouterr()
    assert output.out.count(" redacted, 0 of them covered whole\n") == 2
    assert "broken.png" in output.err
    assert listing(results) == ["in.mp4", "in.png"]
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [line["file"] for line in lines] == [str(folder / "in.mp4")] * 12 + [str(folder / "in.png")]
    sheet = cv2.imread(str(preview))
    assert sheet is not None
    assert sheet.shape[0] > 360 * 4


def test_several_files_go_into_a_folder(command: list[str], folder: Path) -> None:
    results = folder / "results"
    assert main([*command, str(folder / "in.png"), str(folder / "in.mp4"), str(results)]) == 0
    assert listing(results) == ["in.mp4", "in.png"]


def test_a_mask_is_covered_and_the_rest_is_not(command: list[str], folder: Path) -> None:
    target = folder / "out.png"
    assert main([*command, str(folder / "in.png"), str(target), "--mask", "0,0,0.5,0,0.5,1,0,1"]) == 0
    noise, result = (np.asarray(cv2.imread(str(path))) for path in (folder / "in.png", target))
    assert (result[:, :79] == 40).all()
    np.testing.assert_array_equal(result[:, 81:], noise[:, 81:])


@pytest.mark.parametrize("method", ["blur"])
def test_each_method_can_be_chosen(command: list[str], folder: Path, method: str) -> None:
    arguments = ["--method", method, "--shape", "ellipse", "--grow", "1.5", "--cover", "faces,persons,text"]
    assert main([*command, str(folder / "in.mp4"), str(folder / "out.webm"), *arguments]) == 0
    assert (folder / "out.webm").stat().st_size > 0


@pytest.mark.parametrize("missing", [False, True])
def test_a_site_s_log_tells_what_was_redacted_and_what_was_covered_whole(
    tmp_path: Path, folder: Path, default_models: Path, monkeypatch: pytest.MonkeyPatch, missing: bool
) -> None:
    monkeypatch.setenv("VEILSIGHT_MODELS", str(tmp_path / "empty" if missing else default_models))
    paths = find_paths({"HOME": str(tmp_path)}, tmp_path / "site")
    create_site(paths)
    target = folder / "out.mp4"
    assert main(["--state", str(paths.state), "redact", str(folder / "in.mp4"), str(target)]) == int(missing)
    with reading(open_site(paths).engine) as connection:
        (entry,) = log.entries(connection, actions=["recording-redacted"])
    assert entry.event.subject == "in.mp4"
    assert entry.event.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert entry.event.details["frames"] == 12
    assert entry.event.details["covered_frames"] == (12 if missing else 0)
    assert ("models pull" in entry.event.details.get("reason", "")) == missing
