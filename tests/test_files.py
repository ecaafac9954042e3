"""A file appears whole or not at all."""

from pathlib import Path

import pytest

from appliance.files import write_whole


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_is_replaced_with_exactly_its_mode(tmp_path: Path, mode: int) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    write_whole(target, b"new", mode)
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == mode
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OSError, match=r"[Dd]irectory"):
        write_whole(target, b"new")
    assert list(tmp_path.iterdir()) == [target]
    assert target.is_dir()
