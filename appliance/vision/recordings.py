"""Images and videos from disk, redacted onto disk, with a report of what was covered.

A video is redacted with a look-ahead: what is found in one frame is carried back over the frames before it as well as
held over those after it. So a face that the detector notices late, or a plate between two looks for text, is covered
from the start. The result is encoded anew from redacted pictures; metadata and thumbnails are left behind, and sound
too unless it is asked for.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import av

from appliance.errors import UsageError, VeilsightError
from appliance.vision.background import Ahead, Behind
from appliance.vision.covering import Covering
from appliance.vision.faces import STILL_SHRINK
from appliance.vision.following import Following, begin_detection, finish_detection
from appliance.vision.frames import Pixels, RawFrame, RedactedFrame
from appliance.vision.look_ahead import LookAhead, Waiting
from appliance.vision.original import Original
from appliance.vision.plates import STILL_CLOSENESS, TEXT_SECONDS
from appliance.vision.redaction import HOLD_SECONDS, Redactor, cover_whole, explain
from appliance.vision.runtime import Detectors
from appliance.vision.sources import Source, SourceStopped, open_source
from appliance.vision.steadying import Steadying
from appliance.vision.stills import read_picture
from appliance.vision.video_writing import VIDEO_SUFFIXES, VideoWriter

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
# FFmpeg shows these as videos, some as one tile of the picture; and how they are turned is not known for sure.
UNREAD_SUFFIXES = (".heic", ".heif", ".avif", ".jxl", ".jp2")
IMAGE_QUALITY = 92
# The look-ahead spans the time between two looks for faces or text; where the frames of that time would take more
# memory than this, they are looked for more often.
AHEAD_SECONDS = TEXT_SECONDS
AHEAD_BYTES = 600_000_000
# Of frames that follow each other as closely as this, the networks see one.
STEP_SECONDS = 0.2
# A file that holds less than this part of what it declares, and lacks more than these seconds, was cut off; sound may
# end a little after the picture.
WHOLE = 0.95
SLACK_SECONDS = 1.0
# Frames decoded ahead of the networks, and redacted ones waiting for the encoder.
DECODED_AHEAD = 8
WRITTEN_BEHIND = 8
DEADLINE_SECONDS = 60.0

Report = Callable[[dict[str, Any]], None]
Progress = Callable[[int, int], None]
Show = Callable[[RedactedFrame], None]


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


@dataclass(frozen=True)
class FileOptions:
    """What is covered and how, and whether a video keeps its sound, as it is."""

    covering: Covering = field(default_factory=Covering)
    keep_audio: bool = False


def redact_file(
    source: Path,
    target: Path,
    detectors: Detectors,
    report: Report = lambda _line: None,
    progress: Progress = lambda _done, _all: None,
    options: FileOptions | None = None,
    show: Show = lambda _picture: None,
) -> Outcome:
    """Redact an image or a video; the target appears whole or not at all.

    `report` gets one JSON object a frame, `progress` the frames done and in all (0: unknown), `show` each redacted
    picture. Raises `NotRedactable`, `ResultUnwritable`, `SourceError` and `PictureError`.
    """
    if source.suffix.lower() in UNREAD_SUFFIXES:
        raise NotRedactable(f"{source} can't be read surely; make a JPEG, PNG or TIFF picture of it first.")
    source_kind, target_kind = kind_of(source), kind_of(target)
    if target_kind is None or (source_kind == "image") != (target_kind == "image"):
        suffixes = IMAGE_SUFFIXES if source_kind == "image" else VIDEO_SUFFIXES
        raise NotRedactable(f"The result {target} must be named with one of {', '.join(suffixes)}.")
    if source.resolve() == target.resolve():
        raise NotRedactable(f"The result would replace {source} itself; give it another name.")
    chosen = options or FileOptions()
    if source_kind == "image":
        return _redact_image(source, target, detectors, report, chosen, show)
    return _redact_video(source, target, detectors, report, progress, chosen, show)


def kind_of(path: Path) -> Literal["image", "video"] | None:
    """What a file's name says that it is."""
    suffix = path.suffix.lower()
    return "image" if suffix in IMAGE_SUFFIXES else "video" if suffix in VIDEO_SUFFIXES else None


def result_suffix(source: Path) -> str:
    """How the result of a file is named that is to be of the same kind; video that can't be written becomes MP4."""
    return source.suffix if kind_of(source) is not None else ".mp4"


def _redact_image(
    source: Path, target: Path, detectors: Detectors, report: Report, options: FileOptions, show: Show
) -> Outcome:
    picture = redact_picture(read_picture(source), str(source), detectors, options)
    with _whole_file(target) as partial:
        partial.write_bytes(picture.encode(target.suffix.lower(), IMAGE_QUALITY))
    report(_describe(picture, 0.0))
    show(picture)
    return Outcome(1, int(picture.whole_frame), reason=picture.reason)


def redact_picture(pixels: Pixels, name: str, detectors: Detectors, options: FileOptions) -> RedactedFrame:
    """One picture, uint8 [H, W, 3], blue green red, which the caller must not keep."""
    frame = RawFrame.of_picture(pixels, name)
    redactor = Redactor(
        detectors,
        DEADLINE_SECONDS,
        covering=options.covering,
        most_shrink=STILL_SHRINK,
        closeness=STILL_CLOSENESS,
    )
    looking = redactor.look(frame)
    objects, reason = finish_detection(begin_detection(detectors, frame), DEADLINE_SECONDS)
    return cover_whole(frame, reason) if reason else redactor.redact(frame, looking, objects, ())


def _redact_video(
    source: Path,
    target: Path,
    detectors: Detectors,
    report: Report,
    progress: Progress,
    options: FileOptions,
    show: Show,
) -> Outcome:
    with (
        open_source(str(source), str(source)) as opened,
        _whole_file(target) as partial,
        Original(source) as original,
        VideoWriter(partial, opened.frame_rate, original, options.keep_audio) as writer,
    ):
        return redact_video(opened, writer, detectors, options, f"The recording {source}", report, progress, show)


def redact_video(
    opened: Source,
    writer: VideoWriter,
    detectors: Detectors,
    options: FileOptions,
    name: str,
    report: Report = lambda _line: None,
    progress: Progress = lambda _done, _all: None,
    show: Show = lambda _picture: None,
) -> Outcome:
    """All frames of an open recording, which messages call `name`, redacted and given to the writer.

    Raises `ResultUnwritable` where there is none.
    """
    frames = covered = 0
    seconds, reason, stopped = 0.0, "", ""
    with Behind(WRITTEN_BEHIND) as behind, Ahead(opened, DECODED_AHEAD) as decoded:
        begun: float | None = None
        try:
            for picture in _redacted(iter(decoded), opened, detectors, options.covering):
                begun = picture.monotonic if begun is None else begun
                seconds = picture.monotonic - begun
                behind.call(writer.write, picture, seconds)
                report(_describe(picture, seconds))
                show(picture)
                frames, covered = frames + 1, covered + picture.whole_frame
                reason = reason or picture.reason
                progress(frames, opened.frame_count)
        except SourceStopped as error:
            stopped = str(error)
        if not frames:
            raise ResultUnwritable(stopped or f"{name} has no picture to redact.")
        stopped = stopped or _lacking(opened, name)
    return Outcome(frames, covered, seconds, reason, stopped)


def _lacking(opened: Source, name: str) -> str:
    """What is missing of a recording that was read to its end, in a sentence; empty where it is whole."""
    if opened.seconds < WHOLE * opened.declared_seconds - SLACK_SECONDS:
        return f"{name} ends early: it says that it is {opened.declared_seconds:.1f} seconds long."
    if opened.damaged:
        return f"{name} is damaged: {opened.damaged} of its frames can't be decoded."
    return ""


def _redacted(
    frames: Iterator[RawFrame], opened: Source, detectors: Detectors, covering: Covering
) -> Iterator[RedactedFrame]:
    """The frames redacted, in order. Where the source breaks off, what was decoded comes first and then its error."""
    most_frames = max(1, AHEAD_BYTES // (3 * opened.width * opened.height))
    rate = opened.frame_rate
    interval = min(AHEAD_SECONDS, most_frames / rate) if rate > 0 else 0.0
    redactor = Redactor(detectors, DEADLINE_SECONDS, interval, covering, interval, head_hold_seconds=HOLD_SECONDS)
    following = Following(redactor, detectors, min(STEP_SECONDS, interval / 2), DEADLINE_SECONDS)
    ahead = LookAhead(redactor, covering, AHEAD_SECONDS, most_frames)
    steadying = Steadying()
    failure: SourceStopped | None = None
    try:
        for passed_over, analysed in following.follow(frames):
            for waiting in ahead.push(passed_over, analysed):
                yield from (_finished(redactor, each) for each in steadying.push(waiting))
    except SourceStopped as error:
        failure = error
    for waiting in ahead.rest():
        yield from (_finished(redactor, each) for each in steadying.push(waiting))
    yield from (_finished(redactor, each) for each in steadying.rest())
    if failure is not None:
        raise failure


def _finished(redactor: Redactor, waiting: Waiting) -> RedactedFrame:
    if waiting.reason:
        return cover_whole(waiting.frame, waiting.reason)
    try:
        return redactor.cover(waiting.frame, waiting.findings.regions)
    except Exception as error:
        return cover_whole(waiting.frame, explain(error))


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
