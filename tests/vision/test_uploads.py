"""Uploaded pictures and videos, from one sealed file into another."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from appliance.errors import VeilsightError
from appliance.storage.sealed_file import SealedFile
from appliance.vision.recordings import FileOptions, Outcome
from appliance.vision.sources import SourceError
from appliance.vision.stills import PictureError
from appliance.vision.uploads import RedactedUpload, UploadUnreadable, redact_upload
from tests.vision.scripted import Picture, detectors
from tests.vision.test_recordings import SeesWhite, grey, is_covered_whole, shows_white, with_white, write_video

SEES_FACES = detectors(faces=SeesWhite("face"))


@dataclass
class Files:
    """The two sealed files, in a folder that is to stay empty."""

    upload: SealedFile
    result: SealedFile
    folder: Path

    def redact(self, content: bytes, suffix: str, sees: bool = True, keep_audio: bool = False) -> RedactedUpload:
        self.upload.write_at(0, content)
        chosen = SEES_FACES if sees else detectors(missing=["faces"])
        return redact_upload(self.upload, suffix, self.result, chosen, FileOptions(keep_audio=keep_audio))

    def content(self) -> bytes:
        return self.result.read_at(0, self.result.size)

    def pictures(self, suffix: str) -> list[Picture]:
        with av.open(self.result.open(), "r", format="matroska" if suffix == ".mkv" else suffix[1:]) as container:
            return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    folder = tmp_path / "sealed"
    folder.mkdir()
    with SealedFile(folder) as upload, SealedFile(folder) as result:
        yield Files(upload, result, folder)
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".JPG"])
def test_a_picture_is_redacted(files: Files, suffix: str) -> None:
    done = files.redact(cv2.imencode(suffix.lower(), with_white())[1].tobytes(), suffix)
    assert (done.outcome, done.suffix) == (Outcome(1, 0), suffix.lower())
    picture = cv2.imdecode(np.frombuffer(files.content(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == grey().shape
    assert not shows_white(np.asarray(picture, np.uint8))


@pytest.mark.parametrize(("suffix", "becomes"), [(".mp4", ".mp4"), (".mkv", ".mkv"), (".mxf", ".mp4")])
def test_a_video_is_redacted(files: Files, tmp_path: Path, suffix: str, becomes: str) -> None:
    clip = write_video(tmp_path / "clip.mkv", [with_white()] * 12)
    done = files.redact(clip.read_bytes(), suffix)
    assert (done.suffix, done.outcome.frames, done.outcome.covered_frames) == (becomes, 12, 0)
    pictures = files.pictures(becomes)
    assert len(pictures) == 12
    assert not any(map(shows_white, pictures))
    # Neither the title nor the sound of the original goes along.
    with av.open(files.result.open(), "r") as container:
        assert "title" not in container.metadata
        assert not container.streams.audio


def test_what_cant_be_judged_is_covered_whole(files: Files, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", [with_white()] * 4)
    done = files.redact(clip.read_bytes(), ".mp4", sees=False)
    assert done.outcome.covered_frames == 4
    assert "faces" in done.outcome.reason
    assert all(map(is_covered_whole, files.pictures(".mp4")))


def test_what_could_be_decoded_of_a_damaged_video_is_kept_and_it_is_said(files: Files, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", [with_white()] * 60, rate=2)
    content = clip.read_bytes()
    done = files.redact(content[: len(content) // 2], ".mkv")
    assert 0 < done.outcome.frames < 60
    assert done.outcome.stopped.startswith("The uploaded file ")
    assert not any(map(shows_white, files.pictures(".mkv")))


@pytest.mark.parametrize(
    ("content", "suffix", "kind"),
    [
        (b"", ".mp4", UploadUnreadable),
        (b"not a video" * 1000, ".mp4", UploadUnreadable),
        (b"not a picture", ".png", PictureError),
        (b"", ".jpg", PictureError),
        (b"any", ".heic", UploadUnreadable),
    ],
)
def test_what_is_no_picture_and_no_video_is_said(
    files: Files, content: bytes, suffix: str, kind: type[VeilsightError]
) -> None:
    with pytest.raises(kind) as caught:
        files.redact(content, suffix)
    assert str(caught.value).endswith(".")
    assert files.result.size == 0


def test_sound_alone_is_no_video(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(SourceError, match="no picture, only sound"):
        files.redact(path.read_bytes(), ".mp4")


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{path}'\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{path}</BaseURL></MPD>',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ],
)
def test_a_list_of_other_files_opens_none_of_them(files: Files, tmp_path: Path, text: str) -> None:
    clip = write_video(tmp_path / "secret.ts", [with_white()] * 4)
    with pytest.raises(UploadUnreadable):
        files.redact(text.format(path=clip).encode(), ".mp4")


def sounds(content: bytes) -> list[str]:
    """The codecs of a video's sound."""
    with av.open(io.BytesIO(content)) as container:
        return [stream.codec_context.name for stream in container.streams.audio]


def with_telephone_sound(path: Path) -> bytes:
    """A recording as many recorders write it, with G.711."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width = with_white().shape[:2]
        stream.pix_fmt = "yuv420p"
        sound = container.add_stream("pcm_alaw", rate=8000)
        sound.layout = "mono"
        for _ in range(6):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(with_white(), format="bgr24")))
        container.mux(stream.encode(None))
        hum = av.AudioFrame.from_ndarray(np.ones((1, 8000), np.int16), format="s16", layout="mono")
        hum.sample_rate, hum.pts = 8000, 0
        container.mux(sound.encode(hum))
        container.mux(sound.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize("keep", [False, True])
def test_sound_is_kept_only_where_it_is_asked_for(files: Files, tmp_path: Path, keep: bool) -> None:
    clip = write_video(tmp_path / "clip.mp4", [with_white()] * 6).read_bytes()
    done = files.redact(clip, ".mp4", keep_audio=keep)
    assert done.suffix == ".mp4"
    assert sounds(files.content()) == (["aac"] if keep else [])
    assert not any(shows_white(each) for each in files.pictures(".mp4"))


def test_sound_that_the_kind_of_file_can_not_hold_makes_it_another_kind(files: Files, tmp_path: Path) -> None:
    clip = with_telephone_sound(tmp_path / "clip.mov")
    # The name says MP4, as some recorders have it.
    done = files.redact(clip, ".mp4", keep_audio=True)
    assert (done.suffix, done.outcome.frames) == (".mov", 6)
    assert sounds(files.content()) == ["pcm_alaw"]
    assert not any(shows_white(each) for each in files.pictures(".mov"))
