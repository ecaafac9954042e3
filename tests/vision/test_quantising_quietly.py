"""Quantising opens no socket, writes no file but the network's own, and leaves standard output to the results.

NNCF reports its use to its makers where it can. It does not where pytest is imported, so a process without is watched:
by the kernel for sockets, by Python's audit events for files, and by a look at the folder for temporary files.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytest.importorskip("nncf", reason="NNCF is not installed")

PROGRAM = """
import json, os, sys
from pathlib import Path
from tests.vision.no_sockets import forbid_sockets
forbid_sockets()

written = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str | bytes):
        path, mode, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR) and os.fsdecode(path) != os.devnull:
            written.append(os.fsdecode(path))
    elif event in ("os.mkdir", "tempfile.mkdtemp", "tempfile.mkstemp"):
        written.append(os.fsdecode(arguments[0]))
sys.addaudithook(watch)

from appliance.vision.quantised_weights import write_quantised
from appliance.vision.quantising import quantise
from tests.vision.bright_squares import bright_squares, samples, write_network

models = Path(sys.argv[1])
network = write_network(models, bright_squares())
made = quantise(network, models, samples(network), lambda line: None)
write_quantised(made.record, made.model, made.values, models)
result = {
    "written": written,
    "sender": sys.modules["openvino_telemetry"] is not None,
    "pytest": "pytest" in sys.modules,
}
print(json.dumps(result))
"""


def test_no_socket_no_picture_no_chatter(tmp_path: Path) -> None:
    models, temporary = tmp_path / "models", tmp_path / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM, str(models)],
        env={"TMPDIR": str(temporary), "HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if "no filter of system calls" in done.stderr:
        pytest.skip("this kernel does not filter system calls")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["sender"], result["pytest"]) == (False, False)
    for path in {Path(path) for path in result["written"]} - {models}:
        assert path.parent == models
        assert path.name.removeprefix(".").startswith("squares.")
    assert sorted(path.name for path in models.rglob("*")) == [
        "squares.int8.bin",
        "squares.int8.json",
        "squares.int8.xml",
        "squares.onnx",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"models", "temporary"}
    assert list(temporary.iterdir()) == []
