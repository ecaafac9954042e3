"""One camera from source to tracks and view, also when things fail."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from appliance.vision.camera_status import CameraStatus
from appliance.vision.catalogue import load_catalogue
from appliance.vision.detections import Track
from appliance.vision.frames import RedactedFrame
from appliance.vision.live import Hub
from appliance.vision.pipeline import CameraSource, _Watch, run_camera
from appliance.vision.runtime import Detectors, load_detectors
from appliance.vision.turns import Turns
from tests.vision import scripted
from tests.vision.test_sources import write_clip

SECONDS = 60.0


@dataclass
class Observer:
    """Writes down what a camera reports."""

    frames: list[tuple[float, int, int]] = field(default_factory=list)
    events: list[tuple[str, Mapping[str, str | int]]] = field(default_factory=list)
    changed: threading.Event = field(default_factory=threading.Event)

    def on_tracks(
        self,
        moment: datetime,  # noqa: ARG002
        monotonic: float,
        tracks: Sequence[Track],  # noqa: ARG002
        width: int,
        height: int,
    ) -> None:
        self.frames.append((monotonic, width, height))
        self.changed.set()

    def on_event(self, kind: str, details: Mapping[str, str | int]) -> None:
        self.events.append((kind, details))
        self.changed.set()


@dataclass
class Running:
    """A camera at work in a thread."""

    source: CameraSource
    detectors: Detectors
    hub: Hub = field(default_factory=Hub)
    observer: Observer = field(default_factory=Observer)
    stop: threading.Event = field(default_factory=threading.Event)
    on_unreliable: Callable[[float], None] = lambda _seconds: None

    def __enter__(self) -> "Running":
        self.status = CameraStatus(self.source.name)
        self.thread = threading.Thread(
            target=run_camera,
            args=(self.source, self.detectors, self.hub, self.status, self.stop),
            kwargs={
                "on_tracks": self.observer.on_tracks,
                "on_event": self.observer.on_event,
                "on_unreliable": self.on_unreliable,
            },
        )
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


@pytest.fixture(scope="module")
def no_detectors(tmp_path_factory: pytest.TempPathFactory) -> Detectors:
    """What is there when no network was fetched."""
    empty = tmp_path_factory.mktemp("empty")
    return load_detectors(empty, empty / "compiled", ["CPU"], load_catalogue())


@pytest.fixture(scope="module")
def detectors(default_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Detectors:
    return load_detectors(default_models, tmp_path_factory.mktemp("compiled"), ["CPU"], load_catalogue())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4")


def test_every_frame_of_a_recording_is_analysed(clip: Path, detectors: Detectors) -> None:
    with Running(CameraSource("front", str(clip)), detectors) as running:
        running.thread.join(SECONDS)
        status = running.status.as_json()
    times = [time for time, _, _ in running.observer.frames]
    assert len(times) == 20
    assert times == sorted(times)
    assert (status["state"], status["analysed_frames"], status["width"], status["height"]) == ("ended", 20, 64, 48)
    assert [kind for kind, _ in running.observer.events] == ["camera-state"]


def test_a_camera_that_is_not_there_is_told_once_and_tried_again(tmp_path: Path, detectors: Detectors) -> None:
    missing = tmp_path / "later.mp4"
    with Running(CameraSource("front", str(missing)), detectors) as running:
        assert running.observer.changed.wait(SECONDS)
        assert running.observer.events == [
            ("camera-state", {"state": "failed", "reason": running.observer.events[0][1]["reason"]})
        ]
        assert "There is no file" in str(running.observer.events[0][1]["reason"])
        running.observer.changed.clear()
        write_clip(tmp_path / "now.mp4").rename(missing)
        assert running.observer.changed.wait(SECONDS)
        running.thread.join(SECONDS)
    assert running.status.analysed_frames == 20
    assert [details["state"] for _, details in running.observer.events] == ["failed", "streaming", "ended"]


def test_without_networks_nothing_is_counted_and_every_picture_is_covered(clip: Path, no_detectors: Detectors) -> None:
    source = CameraSource("front", str(clip), loop=True, realtime=True)
    hub = Hub()
    hub.enter("front")
    with Running(source, no_detectors, hub) as running:
        shown = hub.next_after("front", 0, SECONDS)
        assert shown is not None
        number, header, jpeg = shown
        later = hub.next_after("front", number, SECONDS)
    assert later is not None
    assert header["whole_frame"] is True
    assert "veilsight models pull" in str(header["reason"])
    # The clip's frames are of one grey each, ever lighter; a cover is the same dark picture each time.
    first, second = (cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR) for each in (jpeg, later[2]))
    assert np.array_equal(first, second)
    assert running.observer.frames == []
    assert [kind for kind, _ in running.observer.events].count("redaction-failed") == 1


def test_when_redaction_failed_and_when_it_works_again_is_told_once_each(no_detectors: Detectors) -> None:
    events: list[str] = []
    watch = _Watch(
        CameraSource("front", "clip"),
        no_detectors,
        Hub(),
        CameraStatus("front"),
        threading.Event(),
        lambda *_: None,
        lambda kind, _details: events.append(kind),
        lambda _seconds: None,
        1.0,
        Turns(),
    )
    for reason in ("", "late", "late", "", ""):
        watch._on_picture(bool(reason), reason, time.monotonic())
    assert events == ["redaction-failed", "redaction-restored"]
    assert (watch.status.shown_frames, watch.status.covered_frames) == (5, 2)


def test_nothing_is_redacted_while_nobody_looks(clip: Path, detectors: Detectors) -> None:
    hub = Hub()
    with Running(CameraSource("front", str(clip)), detectors, hub) as running:
        running.thread.join(SECONDS)
    assert hub.next_after("front", 0, 0) is None
    assert running.status.covered_frames == 0


def test_a_viewer_sees_a_redacted_picture_of_the_present(clip: Path, detectors: Detectors) -> None:
    hub = Hub()
    hub.enter("front")
    with Running(CameraSource("front", str(clip), loop=True, realtime=True), detectors, hub):
        shown = hub.next_after("front", 0, SECONDS)
        # Networks that are still being compiled may answer too late.
        while shown is not None and shown[1]["whole_frame"]:
            shown = hub.next_after("front", shown[0], SECONDS)
    assert shown is not None
    assert (shown[1]["width"], shown[1]["height"]) == (64, 48)
    assert shown[2].startswith(b"\xff\xd8")


def test_ten_viewers_cost_one_redaction_and_one_encoding(
    clip: Path, detectors: Detectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded, encode = list[bytes](), RedactedFrame.jpeg

    def kept(picture: RedactedFrame) -> bytes:
        encoded.append(encode(picture))
        return encoded[-1]

    monkeypatch.setattr(RedactedFrame, "jpeg", kept)
    hub, seen = Hub(), [list[bytes]() for _ in range(10)]

    def look(pictures: list[bytes]) -> None:
        number = 0
        while len(pictures) < 5 and (found := hub.next_after("front", number, SECONDS)) is not None:
            number = found[0]
            pictures.append(found[2])

    for _ in seen:
        hub.enter("front")
    viewers = [threading.Thread(target=look, args=(pictures,)) for pictures in seen]
    with Running(CameraSource("front", str(clip), loop=True, realtime=True), detectors, hub) as running:
        for viewer in viewers:
            viewer.start()
        for viewer in viewers:
            viewer.join(SECONDS)
    assert [len(pictures) for pictures in seen] == [5] * 10
    # The very bytes that were encoded once, whoever looks; and nothing was redacted or encoded beyond that.
    assert {id(jpeg) for pictures in seen for jpeg in pictures} <= {id(jpeg) for jpeg in encoded}
    assert len(encoded) == running.status.shown_frames


def test_a_camera_that_is_covered_is_told_and_its_time_is_unreliable(tmp_path: Path) -> None:
    """Thirty seconds of a picture with noise in it, thirty of a cloth, thirty of the picture."""
    clip, random, times = tmp_path / "covered.mp4", np.random.default_rng(0), list[float]()
    wall = np.kron(random.integers(0, 200, (12, 16)), np.ones((8, 8), np.int64))[..., None]
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=4, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(360):
            scene = 90 if 120 <= number < 240 else wall
            pixels = (scene + random.integers(0, 12, (96, 128, 3))).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            picture.pts, picture.time_base = number, Fraction(1, 4)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with Running(CameraSource("front", str(clip)), scripted.detectors(), on_unreliable=times.append) as running:
        running.thread.join(SECONDS)
    told = [details["state"] for kind, details in running.observer.events if kind == "camera-tampering"]
    assert told == ["covered", "over"]
    assert sum(times) == pytest.approx(35, abs=6)
    assert len(running.observer.frames) == 360
