"""What the redactor writes while it decodes a file, watched as `make prove-containment` watches the programs."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.vision.redaction_socket import Order, RedactionClient
from benchmarks.containment.evidence import search, watching
from benchmarks.containment.pattern import random_pattern, read_clip, write_clip
from benchmarks.containment.search import Searcher
from tests.services.test_redactor import finish, send, take
from tests.vision.test_recordings import is_covered_whole
from tests.web.conftest import wait_until

PROGRAM = Path(__file__).parent / "redacting.py"
REPOSITORY = PROGRAM.parent.parent.parent
PATTERN = random_pattern(20261130)
FRAMES = 60
SECONDS = 120
MEGABYTE = 1024 * 1024


def free_atom(size: int) -> bytes:
    """Room that an MP4 file may have and players pass over (ISO/IEC 14496-12, section 8.1.2)."""
    return size.to_bytes(4, "big") + b"free" + bytes(size - 8)


def test_no_frame_of_an_upload_is_written_anywhere(tmp_path: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    clip, temporary, scratch = tmp_path / "pattern.mp4", tmp_path / "temporary", tmp_path / "scratch"
    for folder in (temporary, scratch):
        folder.mkdir()
    write_clip(clip, FRAMES, PATTERN.picture)
    # Longer than what is kept in memory, so that a part of it must go to the disk.
    searcher, content = Searcher(PATTERN), clip.read_bytes() + free_atom(8 * MEGABYTE)
    # The search would find it: in each frame that is decoded, and in the file as it was sent.
    assert all(searcher.search_picture(picture) for picture in read_clip(clip, 2))
    assert list(searcher.search(content))
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "TMPDIR": str(temporary),
        "VEILSIGHT_MODELS": str(tmp_path / "none"),
    }
    with tempfile.TemporaryDirectory(prefix="veilsight") as run:
        path = Path(run) / "redaction.sock"
        words = [sys.executable, str(PROGRAM), str(path), str(tmp_path / "state")]
        with watching(words, environment, scratch, [temporary, Path(run)]) as watched:
            wait_until(path.exists, SECONDS)
            task = RedactionClient(path).begin(Order(".mp4", len(content), ("faces", "plates")))
            send(task, content)
            answer = finish(task)
            result = take(task, answer.size)
            task.close()
            watched.process.wait(SECONDS)
    if "PTRACE" in watched.evidence.problems:
        pytest.skip("this machine forbids tracing")
    assert (answer.state, answer.covered_frames) == ("done", FRAMES), answer
    found = list(search(watched.evidence, searcher))
    assert found == [], found
    # It did look: the upload and the result were written, sealed, into files without a name in that folder.
    written = {place: len(data) for place, data in watched.evidence.trace.streams.items()}
    assert sum(size for place, size in written.items() if str(temporary) in place) > MEGABYTE, written
    assert list(temporary.iterdir()) == []
    (tmp_path / "result.mp4").write_bytes(result)
    with av.open(str(tmp_path / "result.mp4")) as container:
        assert all(is_covered_whole(np.asarray(each.to_ndarray(format="bgr24"))) for each in container.decode(video=0))
