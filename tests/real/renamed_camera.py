"""A camera whose name stops resolving: run with a network and a table of hosts of its own.

    unshare --net --mount --map-root-user python -m tests.real.renamed_camera CLIP

Prints JSON: what was said while the name was unknown, and how many frames came before and after.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from appliance.vision.pipeline import CameraSource
from tests.real.cameras import PASSWORD, USERNAME, rtsp_server
from tests.real.watching import Watched

LOCAL = "127.0.0.1 localhost\n"


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.NamedTemporaryFile("w") as file:
        table = Path(file.name)
        table.write_text(f"{LOCAL}127.0.0.1 camera.test\n")
        subprocess.run(["mount", "--bind", table, "/etc/hosts"], check=True)
        with rtsp_server(Path(sys.argv[1])) as (server, address, port):
            camera = CameraSource("front", address.replace("127.0.0.1", "camera.test"), USERNAME, PASSWORD)
            with Watched(camera) as watched:
                watched.wait_for_frames()
                before = len(watched.sizes)
                table.write_text(LOCAL)
                server.kill()
                server.wait()
                with rtsp_server(Path(sys.argv[1]), port):
                    while "name camera.test is not known" not in (said := watched.status.last_error):
                        watched.stop.wait(0.1)
                    table.write_text(f"{LOCAL}127.0.0.1 camera.test\n")
                    watched.wait_for_frames()
                    after = len(watched.sizes) - before
        subprocess.run(["umount", "/etc/hosts"], check=True)
    print(json.dumps({"said": said, "before": before, "after": after}))


if __name__ == "__main__":
    main()
