"""A camera that the product watches in a thread, with scripted networks, for tests of what happens to its stream."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from appliance.vision.camera_status import CameraStatus
from appliance.vision.detections import Track
from appliance.vision.live import Hub
from appliance.vision.pipeline import CameraSource, run_camera
from tests.vision.scripted import detectors

SECONDS = 60.0
STEP_SECONDS = 0.02


@dataclass
class Watched:
    """Use as a context manager: inside, the camera is watched. `sizes` are those of its frames, in order."""

    camera: CameraSource
    status: CameraStatus = field(init=False)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    events: list[tuple[str, Mapping[str, str | int]]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watched":
        self.status = CameraStatus(self.camera.name)
        self.thread = threading.Thread(
            target=run_camera,
            args=(self.camera, detectors(), Hub(), self.status, self.stop),
            kwargs={"on_tracks": self._take, "on_event": lambda *event: self.events.append(event)},
        )
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()

    def _take(
        self,
        moment: datetime,  # noqa: ARG002
        monotonic: float,  # noqa: ARG002
        tracks: Sequence[Track],  # noqa: ARG002
        width: int,
        height: int,
    ) -> None:
        self.sizes.append((width, height))

    def wait_for_state(self, *states: str) -> str:
        """The state once it is one of these, as people see it."""
        for _ in range(int(SECONDS / STEP_SECONDS)):
            state = str(self.status.as_json()["state"])
            if state in states:
                return state
            self.stop.wait(STEP_SECONDS)
        raise AssertionError(f"the camera is {state} and not {' or '.join(states)}: {self.status.last_error}")

    def wait_for_frames(self, more: int = 3) -> None:
        wanted = len(self.sizes) + more
        for _ in range(int(SECONDS / STEP_SECONDS)):
            if len(self.sizes) >= wanted:
                return
            self.stop.wait(STEP_SECONDS)
        raise AssertionError(f"no frames came: {self.status.last_error}")
