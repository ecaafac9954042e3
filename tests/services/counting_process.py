"""A camera that is counted in a process of its own, for tests that end it without warning."""

import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from appliance.metrics.anonymity import Policy, Released
from appliance.metrics.geometry import Box, Line, Point
from appliance.services.keeping import Keeping
from appliance.services.open_buckets import Part
from appliance.settings import find_paths
from appliance.storage.site import open_site
from appliance.vision.detections import Track

LINE = Line("door", Point(0.5, 0.0), Point(0.5, 1.0))
CAMERA = "front"
STEP_SECONDS = 0.05


class KilledAfterStoring(Keeping):
    """Ends the process in the worst moment: the bucket is stored, and its copy still there."""

    def keep(self, part: Part, released: Released) -> None:
        super().keep(part, released)
        os.kill(os.getpid(), signal.SIGKILL)


def main(job: str, state: Path, memory: Path, moment: datetime) -> None:
    """Count somebody who crosses the line with each step, and say how many and when (monotonic seconds)."""
    site = open_site(find_paths({"HOME": str(state)}, state))
    kind = KilledAfterStoring if job == "killed after storing" else Keeping
    with kind(site, Policy("off", 0.0), memory) as keeping:
        counting = keeping.begin(CAMERA, [LINE], [], 900)
        pause = threading.Event()
        for number in range(1, 100_000):
            for x in (90.0, 70.0, 30.0, 10.0):
                person = Track(number, "person", "person", 0.9, Box(x - 5, 40, x + 5, 60), 0, True)
                counting.observe(moment, time.monotonic(), [person], 100, 100)
            print(number, time.monotonic(), flush=True)
            if job == "killed after storing" and number == 3:
                keeping.leave(counting)
                keeping.tick(datetime.now(UTC))
            pause.wait(STEP_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), datetime.fromisoformat(sys.argv[4]))
