"""What the installed programs do with libraries that packaging/slim made smaller, from the terminal."""

import json
from pathlib import Path

import cv2
import pytest
from roots import PICTURE, Installed

# The first one also installs the package into a fresh root.
pytestmark = pytest.mark.timeout(900)
FRAMES = 16
RECORDING = "/srv/recording.avi"
PYTHON = "/opt/veilsight/venv/bin/python3"


@pytest.fixture(scope="module")
def recording(installed: Installed, clip: Path) -> str:
    """The first frames of the clip, as Motion JPEG."""
    capture = cv2.VideoCapture(str(clip))
    target = installed.root.path / RECORDING.lstrip("/")
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (768, 576))
    for _ in range(FRAMES):
        writer.write(capture.read()[1])
    writer.release()
    capture.release()
    return RECORDING


def test_both_runtimes_find_the_same(installed: Installed) -> None:
    script = installed.root.add(Path(__file__).with_name("both_runtimes.py"), "/root/both_runtimes.py")
    models = "VEILSIGHT_MODELS=/opt/veilsight/models"
    found = json.loads(installed.root.run("env", models, PYTHON, script, PICTURE).stdout)
    assert found["people-vehicles"]["OpenVINO"].count("person") >= 3
    for runtimes in found.values():
        assert runtimes["OpenVINO"] == runtimes["ONNX Runtime"]


def test_numpy_and_opencv_compute_with_debians_linear_algebra(installed: Installed) -> None:
    """Every way into it that NumPy takes, for real and for complex numbers."""
    script = installed.root.add(Path(__file__).with_name("linear_algebra.py"), "/root/linear_algebra.py")
    found = json.loads(installed.root.run(PYTHON, script).stdout)
    assert max(found["errors"].values()) < 1e-3, found
    assert {"libblas64.so.3", "liblapack64.so.3", "libblas.so.3", "liblapack.so.3"} <= set(found["libraries"])


@pytest.mark.parametrize(
    ("suffix", "begins"),
    [(".mp4", b"ftyp"), (".webm", b"\x1aE\xdf\xa3"), (".avi", b"RIFF")],
    ids=(".mp4", ".webm", ".avi"),
)
def test_a_recording_is_redacted(installed: Installed, recording: str, suffix: str, begins: bytes) -> None:
    result, report = f"/srv/redacted{suffix}", f"/srv/redacted{suffix}.jsonl"
    installed.root.run("veilsight", "redact", recording, result, "--report", report)
    lines = (installed.root.path / report.lstrip("/")).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["frame"] for line in lines] == list(range(FRAMES))
    assert not any(json.loads(line)["whole_frame"] for line in lines)
    assert begins in (installed.root.path / result.lstrip("/")).read_bytes()[:16]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
def test_a_picture_is_redacted_into_each_form(installed: Installed, suffix: str) -> None:
    target = f"/srv/form{suffix}"
    installed.root.run("veilsight", "redact", PICTURE, target)
    written = cv2.imread(str(installed.root.path / target.lstrip("/")))
    assert written is not None
    assert written.shape == (576, 768, 3)


def test_a_recording_is_counted(installed: Installed, recording: str) -> None:
    done = installed.root.run("veilsight", "count", recording, "--line", "door=0.45,0.25,0.45,0.95", "--json")
    found = json.loads(done.stdout)
    assert found["frames"] == FRAMES
    assert set(found["lines"]) == {"door"}


def test_what_is_printed_for_the_door_is_typeset(installed: Installed) -> None:
    installed.root.run("veilsight", "report", "sign", "/srv/sign.pdf", "--language", "fr")
    installed.root.run("veilsight", "report", "notice", "/srv/notice.html", "--language", "de")
    assert (installed.root.path / "srv/sign.pdf").read_bytes().startswith(b"%PDF-")
    assert "<html" in (installed.root.path / "srv/notice.html").read_text(encoding="utf-8")
