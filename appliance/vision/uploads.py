"""An uploaded picture or video, redacted from one sealed file into another: nothing of either is on a disk in clear."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer

from appliance.errors import UsageError
from appliance.language import marked
from appliance.storage.sealed_file import SealedFile
from appliance.vision.decoding import RECORDING
from appliance.vision.opening import Opened, reason
from appliance.vision.original import Original, SoundNotKept
from appliance.vision.recordings import (
    IMAGE_QUALITY,
    IMAGE_SUFFIXES,
    UNREAD_SUFFIXES,
    FileOptions,
    Outcome,
    ResultUnwritable,
    kind_of,
    redact_picture,
    redact_video,
)
from appliance.vision.runtime import Detectors
from appliance.vision.sources import Source, SourceError
from appliance.vision.stills import decode_picture
from appliance.vision.video_writing import VideoWriter

NAME = "uploaded file"
# What a stranger's file may be: containers alone, of which none is a list of other files or addresses.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,flv,h264,hevc,dhav,mpjpeg,gif,mxf,wav,ogg"
# Between them these hold almost any sound, such as that of telephones, which many recorders write.
HOLD_MOST = (".mkv", ".mov")
SOUND_NOT_KEPT = marked("The sound can't be kept, since no file that can be made here holds it; redact without it.")
# No protocol has this name: nothing but the file itself can be opened.
NO_PROTOCOL = "none"


class UploadUnreadable(UsageError):
    """The uploaded file is of a kind that can't be read."""


@dataclass(frozen=True)
class RedactedUpload:
    """What became of it; `suffix` is how the result's name ends, such as `.mp4`."""

    outcome: Outcome
    suffix: str


def redact_upload(
    upload: SealedFile,
    suffix: str,
    result: SealedFile,
    detectors: Detectors,
    options: FileOptions,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> RedactedUpload:
    """Redact what lies in `upload`, whose name ended with `suffix`, into `result`.

    A picture stays a picture of its kind, a video becomes one of its kind or MP4, or one of `HOLD_MOST` where its sound
    is to be kept and such a file can't hold it. Frames that can't be judged are covered whole. Raises
    `UploadUnreadable`, `SourceError`, `PictureError`, `ResultUnwritable`, `SoundNotKept` and `SealedFileUnusable`.
    """
    suffix = suffix.lower()
    if suffix in UNREAD_SUFFIXES:
        raise UploadUnreadable("Such a file can't be read surely; make a JPEG, PNG or TIFF picture of it first.")
    if suffix in IMAGE_SUFFIXES:
        pixels = decode_picture(upload.read_at(0, upload.size), f"The {NAME}")
        picture = redact_picture(pixels, NAME, detectors, options)
        result.write_at(0, picture.encode(suffix, IMAGE_QUALITY))
        progress(1, 1)
        return RedactedUpload(Outcome(1, int(picture.whole_frame), reason=picture.reason), suffix)
    suffix = suffix if kind_of(Path(f"video{suffix}")) == "video" else ".mp4"
    try:
        for kind in dict.fromkeys((suffix, *HOLD_MOST)):
            try:
                return RedactedUpload(_redact_video(upload, kind, result, detectors, options, progress), kind)
            except SoundNotKept:
                # It is said at the first frame, before anything was written.
                if result.size:
                    raise
        raise SoundNotKept(SOUND_NOT_KEPT)
    except (av.FFmpegError, OSError) as error:
        raise ResultUnwritable(f"The result can't be made ({reason(error)}).") from error


def _redact_video(
    upload: SealedFile,
    suffix: str,
    result: SealedFile,
    detectors: Detectors,
    options: FileOptions,
    progress: Callable[[int, int], None],
) -> Outcome:
    container = _open(upload)
    if not container.streams.video:
        container.close()
        raise SourceError(f"The {NAME} has no picture, only sound or data.")
    with (
        Source(Opened(container, RECORDING), f"The {NAME}", NAME, "recording", loop=False) as opened,
        Original(Path(NAME), _open(upload)) as original,
        VideoWriter(Path(f"result{suffix}"), opened.frame_rate, original, options.keep_audio, result.open()) as writer,
    ):
        return redact_video(opened, writer, detectors, options, f"The {NAME}", progress=progress)


def _open(upload: SealedFile) -> InputContainer:
    """The file, by FFmpeg, which reads it block by block. Raises `UploadUnreadable`."""
    try:
        return av.open(upload.open(), "r", options={"protocol_whitelist": NO_PROTOCOL, "format_whitelist": FORMATS})
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UploadUnreadable(f"This is not a video that can be read ({reason(error)}); try another file.") from error
