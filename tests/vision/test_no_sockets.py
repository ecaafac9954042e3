"""Nothing in the vision code opens a socket: not at import, not when networks are converted, not when they run.

Python's audit events would show Python's sockets alone; here the kernel watches the libraries, too.
"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

BEGINNING = """
import sys
from pathlib import Path
from tests.vision.no_sockets import forbid_sockets
forbid_sockets()
"""
OPENVINO = """
import numpy as np
from appliance.vision.catalogue import load_catalogue
from appliance.vision.runtime import load_detectors
detectors = load_detectors(Path(sys.argv[1]), Path(sys.argv[2]), ("CPU",), load_catalogue().pack("default"))
for task in ("people-vehicles", "faces", "text"):
    detectors.need(task).start(np.zeros((48, 64, 3), np.uint8)).result(60)
"""
ONNX_RUNTIME = """
import numpy as np
from appliance.vision import weights
from appliance.vision.backends import onnxruntime
from appliance.vision.catalogue import load_catalogue
from appliance.vision.families import FAMILIES
for entry in load_catalogue().pack("default").networks:
    model = weights.read_network(entry, Path(sys.argv[1])).model
    size = entry.input.sizes[0]
    for place in onnxruntime.places():
        network = onnxruntime.compile_network(place, entry, FAMILIES[entry.family], model, size)
        network.session().run(np.zeros((1, size[1], size[0], 3), np.uint8))
"""
CONVERSION = """
from appliance.vision.conversion import convert_centernet
from tests.vision.small_networks import tensorflow_js_network
assert convert_centernet(*tensorflow_js_network(), (0, 2), 64, 64)
"""
END = """
assert not any("telemetry" in name for name in sys.modules), "telemetry was imported"
print("quiet")
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGINNING + program + END, *arguments], capture_output=True, text=True, check=False
    )


def test_the_watch_works() -> None:
    done = run("import socket\nsocket.socket()")
    if "no filter of system calls" in done.stderr:
        pytest.skip("this kernel does not filter system calls")
    assert done.returncode == -signal.SIGSYS


@pytest.mark.parametrize(
    "program", [OPENVINO, ONNX_RUNTIME, CONVERSION], ids=["OpenVINO", "ONNX Runtime", "conversion"]
)
def test_no_socket_is_opened(default_models: Path, tmp_path: Path, program: str) -> None:
    done = run(program, str(default_models), str(tmp_path))
    if "no filter of system calls" in done.stderr:
        pytest.skip("this kernel does not filter system calls")
    assert (done.returncode, done.stdout) == (0, "quiet\n"), done.stderr
