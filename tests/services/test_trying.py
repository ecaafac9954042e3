"""The engine tries a camera for a page: one that is set up, one at a time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from appliance.language import parts_of
from appliance.services.trying import BUSY, CameraTrials
from appliance.settings import find_paths
from appliance.storage import cameras
from appliance.storage.cameras import Camera
from appliance.storage.site import create_site
from appliance.vision.live import Hub, LiveClient, LiveServer
from tests.vision.mjpeg_camera import PASSWORD, USERNAME, mjpeg_camera


def test_a_camera_is_tried_over_the_engines_socket(tmp_path: Path) -> None:
    paths = find_paths({"VEILSIGHT_RUN": str(tmp_path / "run")}, tmp_path / "state")
    site, _ = create_site(paths)
    trials = CameraTrials(site.engine)
    with mjpeg_camera() as address, LiveServer(paths.live_socket, Hub(), dict, trials):
        with site.engine.begin() as connection:
            cameras.add(connection, Camera("front", f"{address}/stream", USERNAME, PASSWORD))
            cameras.add(connection, Camera("back", f"{address}/short", USERNAME, "guessed"))
        client = LiveClient(paths.live_socket)
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(client.trial, ("front", "front")))
        busy, trial = sorted(found, key=len)
        assert busy == {"error": BUSY, "sentence": parts_of(BUSY)}
        assert (trial["width"], trial["height"], trial["codec"]) == (64, 48, "mjpeg")
        assert "user name or the password" in client.trial("back")["error"]
        assert "no camera called" in client.trial("nowhere")["error"]
        # An address is no camera: nobody can have the engine connect to where they like.
        assert "no camera called" in client.trial(f"{address}/stream")["error"]
    site.engine.dispose()
