"""Hands a picture to the redactor as the page does, and prints what came of it as one JSON object.

Runs within the installed tree, as the page's user, with the appliance's own Python. Argument: the picture.
"""

import json
import os
import sys
import time
from pathlib import Path

from appliance.settings import find_paths
from appliance.vision.redaction_socket import PART_BYTES, Order, RedactionClient

SECONDS = 120.0


def main(path: Path) -> dict[str, object]:
    content = path.read_bytes()
    socket = find_paths(os.environ | {"VEILSIGHT_RUN": "/run/veilsight"}).redaction_socket
    task = RedactionClient(socket).begin(Order(path.suffix, len(content), ("faces", "plates")))
    users = [
        each.parent.owner() for each in Path("/proc").glob("[0-9]*/cmdline") if b"\0redactor\0" in each.read_bytes()
    ]
    for offset in range(0, len(content), PART_BYTES):
        answer = task.send(content[offset : offset + PART_BYTES])
    end = time.monotonic() + SECONDS
    while answer.state in ("receiving", "working") and time.monotonic() < end:
        time.sleep(0.2)
        answer = task.state()
    result = b""
    while part := task.part(len(result)) if answer.state == "done" else b"":
        result += part
    task.close()
    return {
        "state": answer.state,
        "problem": answer.problem,
        "covered_frames": answer.covered_frames,
        "is_picture": result.startswith(content[:8]) and result != content,
        "users": users,
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
