"""What the engine and the web program each find out for the page."""

import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from appliance.services.examining import EngineExamination
from appliance.services.recent_log import RecentLog
from appliance.settings import Settings, find_paths
from appliance.storage.cameras import Camera, add
from appliance.storage.site import create_site
from appliance.vision.live import Hub, LiveClient, LiveServer
from appliance.web.examination import read_engine_share
from tests.vision.scripted import detectors

# Beneath the guard of the web program, where whatever is refused is printed.
FROM_THE_PAGE = """
import sys
from dataclasses import astuple
from pathlib import Path
from appliance.audit.guard import Guard
from appliance.services.examining_web import examine_from_page
from appliance.services.guarding import web_reach
from appliance.settings import Settings, find_paths
from appliance.storage.site import open_site

paths = find_paths({}, Path(sys.argv[1]))
site = open_site(paths)
Guard(web_reach(paths, Settings().web), lambda: web_reach(paths, Settings().web), print).install()
for each in examine_from_page(paths, site, Settings()):
    print(*astuple(each))
print([name for name in ("cv2", "av", "openvino", "onnxruntime") if name in sys.modules])
"""


def test_the_engine_s_share_goes_to_the_page_as_it_is(tmp_path: Path) -> None:
    paths, log = find_paths({}, tmp_path), RecentLog()
    logger = logging.getLogger("appliance.test_examining")
    logger.addHandler(log)
    logger.warning("A camera is slow.")
    logger.removeHandler(log)
    examination = EngineExamination(paths, Settings(), detectors(missing=["faces"]), log)
    with tempfile.TemporaryDirectory(prefix="veilsight") as run:
        path = Path(run) / "live.sock"
        with LiveServer(path, Hub(), dict, examine=examination):
            share = read_engine_share(LiveClient(path))
    assert share is not None
    found = {each.check: each for each in share.findings}
    assert found["networks"].state == "wrong"
    assert found["devices"].text == "The network for faces is missing."
    assert {"NPU", "GPU", "open buckets", "swap"} <= set(found)
    assert share.devices.failures == {"faces": "The network for faces is missing."}
    assert [device.name for device in share.devices.devices][-1] == "CPU"
    assert [line.text for line in share.log] == ["A camera is slow."]


def test_an_engine_that_does_not_run_has_no_share(tmp_path: Path) -> None:
    assert read_engine_share(LiveClient(tmp_path / "live.sock")) is None


@pytest.mark.parametrize("camera", ["rtsp://192.0.2.1/stream", "/clips/entrance.avi"])
def test_the_page_looks_with_its_own_rights_and_without_image_libraries(tmp_path: Path, camera: str) -> None:
    site, _ = create_site(find_paths({}, tmp_path))
    with site.engine.begin() as connection:
        add(connection, Camera("entrance", camera))
    site.engine.dispose()
    command = [sys.executable, "-c", FROM_THE_PAGE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    *findings, modules = done.stdout.splitlines()
    assert modules == "[]"
    assert not [line for line in findings if line.startswith("Attempt")]
    checks = {line.split(" fine ")[0].split(" note ")[0].split(" wrong ")[0] for line in findings}
    assert {"anonymity", "free space", "keys", "certificate", "engine"} <= checks
    assert "swap" not in checks
    assert json.loads(modules) == []
