"""The searcher as it really runs: started by its socket, in a network of its own, and gone with the answer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.discovery.onvif_server import PASSWORD, USERNAME
from tests.discovery.test_discovery import ALONE

# Asks twice: for the cameras, and the first of them for its stream.
ASK = f"""
import json, sys
from pathlib import Path
from appliance.camera_search import Request, search
from appliance.services.activation import Activation

def command(descriptor):
    return [sys.executable, "-m", "appliance.cli.main", "searcher", "--socket-fd", str(descriptor)]

path = Path(sys.argv[1], "search.sock")
activation = Activation(path, command)
found = search(path, Request())
asked = search(path, Request(found.cameras[0].address, {USERNAME!r}, {PASSWORD!r}))
activation.close()
print(json.dumps([found.cameras[0].name, asked.stream, asked.problem, path.exists()]))
"""


def test_the_socket_starts_it_and_it_asks_the_network_alone(tmp_path: Path) -> None:
    if subprocess.run([*ALONE, "ip", "link", "set", "lo", "up"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network namespace (unshare --net)")
    script = (
        "ip link set lo up && "
        'coproc camera { exec "$0" -m tests.discovery.onvif_server; } && read -r ready <&"${camera[0]}" && '
        '"$0" -c "$1" "$2"; '
        "exit $?"  # the shell stays until then, and keeps the camera's standard input open
    )
    done = subprocess.run(
        [*ALONE, "bash", "-c", script, sys.executable, ASK, str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == ["Front door", "rtsp://127.0.0.1:554/sub", "", False]
    assert PASSWORD not in done.stderr


def test_without_a_socket_it_says_who_starts_it() -> None:
    command = [sys.executable, "-m", "appliance.cli.main", "searcher"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "veilsight-searcher.socket" in done.stderr
