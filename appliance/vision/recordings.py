"""Images and videos from disk, redacted onto disk, with a report of what was covered.

A video is redacted with a look-ahead: what is found in one frame is carried back over the frames before it as well as
held over those after it. So a face that the detector notices late, or a plate between two looks for text, is covered
from the start. The result is encoded anew from redacted pictures; sound, metadata and thumbnails are left behind.
"""

import os
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av

from appliance.errors import UsageError, VeilsightError
from appliance.vision.detections import Detection, Track
from appliance.vision.frames import RawFrame, RedactedFrame
from appliance.vision.inference import PendingDetections
from appliance.vision.plates import TEXT_SECONDS
from appliance.vision.redaction import Looking, Redactor, cover_whole, explain
from appliance.vision.regions import Region, is_among
from appliance.vision.runtime import Detectors
from appliance.vision.sources import Source, SourceStopped, open_source
from appliance.vision.stills import read_picture
from appliance.vision.tracking import Tracker
from appliance.vision.video_writing import VideoWriter

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi")
IMAGE_QUALITY = 92
# The look-ahead spans the time between two looks for text; where frames come so fast that memory allows less, text is
# looked for more often.
AHEAD_SECONDS = TEXT_SECONDS
MOST_AHEAD = 16
# A file that holds less than this part of what it declares, and lacks more than these seconds, was cut off; sound may
# end a little after the picture.
WHOLE = 0.95
SLACK_SECONDS = 1.0
IN_FLIGHT = 3
DEADLINE_SECONDS = 60.0

Report = Callable[[dict[str, Any]], None]
Progress = Callable[[int, int], None]


class NotRedactable(UsageError):
    """A file type that can't be read or written here."""


class ResultUnwritable(VeilsightError):
    """The redacted file can't be written."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file: how many frames were redacted, how many of them covered whole and why, the time of the
    last one, and what is wrong with the file where it broke off or lacks something."""

    frames: int
    covered_frames: int
    seconds: float = 0.0
    reason: str = ""
    stopped: str = ""


@dataclass
class _Waiting:
    """A frame whose regions are known but may still grow; `reason` is set where it is to be covered whole."""

    frame: RawFrame
    regions: tuple[Region, ...]
    reason: str = ""


def redact_file(
    source: Path,
    target: Path,
    detectors: Detectors,
    report: Report = lambda _line: None,
    progress: Progress = lambda _done, _all: None,
) -> Outcome:
    """Redact an image or a video; the target appears whole or not at all.

    `report` gets one JSON object a frame, `progress` the frames done and in all (0: unknown). Raises `NotRedactable`,
    `ResultUnwritable`, `SourceError` and `PictureError`.
    """
    source_kind, target_kind = _kind(source), _kind(target)
    if target_kind is None or (source_kind == "image") != (target_kind == "image"):
        suffixes = IMAGE_SUFFIXES if source_kind == "image" else VIDEO_SUFFIXES
        raise NotRedactable(f"The result {target} must be named with one of {', '.join(suffixes)}.")
    if source.resolve() == target.resolve():
        raise NotRedactable(f"The result would replace {source} itself; give it another name.")
    if source_kind == "image":
        return _redact_image(source, target, detectors, report)
    return _redact_video(source, target, detectors, report, progress)


def _kind(path: Path) -> str | None:
    suffix = path.suffix.lower()
    return "image" if suffix in IMAGE_SUFFIXES else "video" if suffix in VIDEO_SUFFIXES else None


def _redact_image(source: Path, target: Path, detectors: Detectors, report: Report) -> Outcome:
    frame = RawFrame.of_picture(read_picture(source), str(source))
    redactor = Redactor(detectors, DEADLINE_SECONDS)
    looking = redactor.look(frame)
    objects, reason = _finish_detection(_begin_detection(detectors, frame))
    tracks = Tracker().update(objects, 0.0)
    picture = cover_whole(frame, reason) if reason else redactor.redact(frame, looking, objects, tracks)
    with _whole_file(target) as partial:
        partial.write_bytes(picture.encode(target.suffix.lower(), IMAGE_QUALITY))
    report(_describe(picture, 0.0))
    return Outcome(1, int(picture.whole_frame), reason=picture.reason)


def _redact_video(source: Path, target: Path, detectors: Detectors, report: Report, progress: Progress) -> Outcome:
    frames = covered = 0
    seconds, reason, stopped = 0.0, "", ""
    with open_source(str(source), str(source)) as opened, _whole_file(target) as partial:
        begun: float | None = None
        redactor = Redactor(detectors, DEADLINE_SECONDS, _text_seconds(opened.frame_rate))
        with VideoWriter(partial, opened.frame_rate) as writer:
            try:
                for picture in _redacted(iter(opened), redactor, detectors):
                    begun = picture.monotonic if begun is None else begun
                    seconds = picture.monotonic - begun
                    writer.write(picture, seconds)
                    report(_describe(picture, seconds))
                    frames, covered = frames + 1, covered + picture.whole_frame
                    reason = reason or picture.reason
                    progress(frames, opened.frame_count)
            except SourceStopped as error:
                stopped = str(error)
        if not frames:
            raise ResultUnwritable(stopped or f"{source} has no picture to redact.")
        stopped = stopped or _lacking(opened, source)
    return Outcome(frames, covered, seconds, reason, stopped)


def _lacking(opened: Source, source: Path) -> str:
    """What is missing of a recording that was read to its end, in a sentence; empty where it is whole."""
    if opened.seconds < WHOLE * opened.declared_seconds - SLACK_SECONDS:
        return f"The recording {source} ends early: it says that it is {opened.declared_seconds:.1f} seconds long."
    if opened.damaged:
        return f"The recording {source} is damaged: {opened.damaged} of its frames can't be decoded."
    return ""


def _text_seconds(rate: float) -> float:
    """How often to look for text, so that what is found reaches back to the look before it."""
    return min(TEXT_SECONDS, MOST_AHEAD / rate) if rate > 0 else 0.0


def _redacted(frames: Iterator[RawFrame], redactor: Redactor, detectors: Detectors) -> Iterator[RedactedFrame]:
    """The frames redacted, in order. Where the source breaks off, what was decoded comes first and then its error."""
    ahead = _LookAhead()
    failure: SourceStopped | None = None
    try:
        for waiting in _found(frames, redactor, detectors):
            yield from (_finished(redactor, each) for each in ahead.push(waiting))
    except SourceStopped as error:
        failure = error
    yield from (_finished(redactor, each) for each in ahead.rest())
    if failure is not None:
        raise failure


def _found(frames: Iterator[RawFrame], redactor: Redactor, detectors: Detectors) -> Iterator[_Waiting]:
    """Each frame with what must be covered in it; several frames are in flight to the networks."""
    following = _Following()
    flying: deque[tuple[RawFrame, Looking, PendingDetections | str]] = deque()
    failure: SourceStopped | None = None
    try:
        for frame in frames:
            flying.append((frame, redactor.look(frame), _begin_detection(detectors, frame)))
            if len(flying) >= IN_FLIGHT:
                yield _find(redactor, following, *flying.popleft())
    except SourceStopped as error:
        failure = error
    while flying:
        yield _find(redactor, following, *flying.popleft())
    if failure is not None:
        raise failure


class _Following:
    """Tracks of the recording; they begin anew when the picture's size changes, for boxes are in pixels."""

    def __init__(self) -> None:
        self._tracker, self._size = Tracker(), (0, 0)

    def update(self, frame: RawFrame, objects: Sequence[Detection]) -> tuple[Track, ...]:
        if self._size != (frame.width, frame.height):
            self._tracker, self._size = Tracker(), (frame.width, frame.height)
        return self._tracker.update(objects, frame.monotonic)


def _find(
    redactor: Redactor, following: _Following, frame: RawFrame, looking: Looking, pending: PendingDetections | str
) -> _Waiting:
    objects, reason = _finish_detection(pending)
    if reason:
        return _Waiting(frame, (), reason)
    try:
        tracks = following.update(frame, objects)
        return _Waiting(frame, redactor.find(frame, looking, objects, tracks))
    except Exception as error:
        return _Waiting(frame, (), explain(error))


class _LookAhead:
    """Holds frames back until what comes after them is known."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()

    def push(self, newest: _Waiting) -> Iterator[_Waiting]:
        """Take a frame; gives back those that have waited long enough."""
        if self._waiting and self._waiting[-1].frame.pixels.shape == newest.frame.pixels.shape:
            before = self._waiting[-1].regions
            news = [region for region in newest.regions if region.source != "held" and not is_among(region, before)]
            carried = tuple(replace(region, source="ahead") for region in news)
            for waiting in self._waiting:
                if waiting.frame.pixels.shape == newest.frame.pixels.shape:
                    waiting.regions += carried
        self._waiting.append(newest)
        while len(self._waiting) > MOST_AHEAD or (
            newest.frame.monotonic - self._waiting[0].frame.monotonic > AHEAD_SECONDS
        ):
            yield self._waiting.popleft()

    def rest(self) -> Iterator[_Waiting]:
        while self._waiting:
            yield self._waiting.popleft()


def _finished(redactor: Redactor, waiting: _Waiting) -> RedactedFrame:
    if waiting.reason:
        return cover_whole(waiting.frame, waiting.reason)
    try:
        return redactor.cover(waiting.frame, waiting.regions)
    except Exception as error:
        return cover_whole(waiting.frame, explain(error))


def _begin_detection(detectors: Detectors, frame: RawFrame) -> PendingDetections | str:
    try:
        return detectors.need("people-vehicles").start(frame.pixels)
    except Exception as error:
        return explain(error)


def _finish_detection(pending: PendingDetections | str) -> tuple[tuple[Detection, ...], str]:
    """Persons and vehicles, or the reason why they are not known."""
    if isinstance(pending, str):
        return (), pending
    try:
        return pending.result(DEADLINE_SECONDS), ""
    except Exception as error:
        return (), explain(error)


def _describe(picture: RedactedFrame, seconds: float) -> dict[str, Any]:
    line: dict[str, Any] = {
        "frame": picture.number,
        "time": round(seconds, 4),
        "whole_frame": picture.whole_frame,
        "regions": [region.as_json() for region in picture.regions],
    }
    return line | ({"reason": picture.reason} if picture.reason else {})


@contextmanager
def _whole_file(target: Path) -> Iterator[Path]:
    """A temporary file beside the target that takes its place if all goes well. Raises `ResultUnwritable`."""
    partial = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    except (OSError, av.FFmpegError) as error:
        raise ResultUnwritable(f"The result {target} can't be written ({error.strerror or error}).") from error
    finally:
        partial.unlink(missing_ok=True)
