"""`veilsight count` where it can't count: one sentence, an exit code, nothing written."""

from pathlib import Path

import pytest

from appliance.cli.main import main

LINE = "door=0.5,0,0.5,1"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A file that is there; it is never opened where the arguments are wrong."""
    path = tmp_path / "clip.avi"
    path.write_bytes(b"no video at all")
    return path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--line", "door=0.5,0,0.5,1.2"], "outside the picture"),
        (["--line", "0.5,0,0.5,1"], "no name"),
        (["--line", LINE, "--line", LINE], "Two lines"),
        (["--zone", "till=0,0,1,1"], "three or more"),
        (["--zone", "till=0,0,0,1,2,0"], "outside the picture"),
        (["--zone", "till=0,0,0,1,1,0", "--queue", "door"], "no zone 'door'"),
        (["--line", LINE, "--ignore", "street=0,0,1,1"], "three or more"),
    ],
)
def test_a_bad_place_is_wrong_usage(
    video: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["count", str(video), *arguments]) == 2
    output = capsys.readouterr()
    assert says in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_no_such_file_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", str(tmp_path / "absent.avi"), "--line", LINE]) == 2
    assert "There is no file" in capsys.readouterr().err


def test_nothing_to_do_is_wrong_usage(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", str(video)]) == 2
    assert "--line" in capsys.readouterr().err


def test_tracks_can_not_go_where_there_is_no_folder(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "absent" / "tracks.txt"
    assert main(["count", str(video), "--line", LINE, "--tracks", str(target)]) == 2
    assert str(target) in capsys.readouterr().err


def test_what_is_no_video_fails_and_leaves_nothing(
    video: Path,
    tmp_path: Path,
    default_models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VEILSIGHT_MODELS", str(default_models))
    target = tmp_path / "tracks.txt"
    state = ["--state", str(tmp_path / "state")]
    assert main([*state, "count", str(video), "--line", LINE, "--tracks", str(target)]) == 1
    output = capsys.readouterr()
    assert str(video) in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""
    assert not target.exists()
