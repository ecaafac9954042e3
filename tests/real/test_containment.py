"""`make prove-containment` in short: the three programs without their networks, and a camera that is all pattern.

Everything must be covered then. The long proof, with networks and a masked camera, is too long for every change.
"""

import shutil
from pathlib import Path

import pytest

from benchmarks.containment.pattern import random_pattern, write_clip
from benchmarks.containment.prove import watch
from benchmarks.containment.site import camera

PATTERN = random_pattern(1123)


def test_nothing_of_a_frame_leaves_the_engine_where_no_network_is_there(tmp_path: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    clip, models = tmp_path / "pattern.mp4", tmp_path / "no-networks"
    models.mkdir()
    write_clip(clip, 30, PATTERN.picture)
    present = [camera("covered", clip)]
    part = watch("networks missing", tmp_path / "site", models, present, ["covered"], PATTERN, 2.0)
    assert part.problems == []
    assert part.facts["of_them_covered"] == part.facts["pictures_shown"]
    assert part.facts["pictures_shown"]["covered"] > 0
