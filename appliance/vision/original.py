"""What a redacted video takes over from its original: the shape of its pixels and, if asked, its sound."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from appliance.errors import UsageError

# FFmpeg can't tell which sound an MPEG transport stream may hold; these every player knows there.
TRANSPORT_STREAM_SOUND = frozenset({"aac", "mp2", "mp3", "ac3", "eac3", "opus"})


class SoundNotKept(UsageError):
    """The result's format can't hold the original's sound as it is."""


class Original:
    """The file that is being redacted, opened a second time; use as a context manager. Raises `av.FFmpegError`.

    What has no path comes as an open `container`; `path` is then how messages call it.
    """

    def __init__(self, path: Path, container: InputContainer | None = None) -> None:
        # A play list can name addresses; a recording may not make this process connect anywhere.
        self._container = container or av.open(str(path), options={"protocol_whitelist": "file"})
        video = self._container.streams.video[0]
        self._path = path
        self._size = (video.width, video.height)
        self._aspect = video.sample_aspect_ratio or Fraction(1)
        self._begins = float((video.start_time or 0) * (video.time_base or 0))
        self._sound: dict[int, AudioStream] = {}
        self._packets: Iterator[Packet[Stream]] = iter(())
        self._next: Packet[Stream] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def aspect(self, width: int, height: int) -> Fraction:
        """Width to height of a pixel in a picture of this size, which may be the original's turned upright."""
        turned = (width > height) != (self._size[0] > self._size[1])
        return 1 / self._aspect if turned and self._aspect else self._aspect

    def add_sound_to(self, target: OutputContainer, name: str) -> None:
        """Make room for each stream of sound in the target, which is called `name`. Raises `SoundNotKept`."""
        for stream in self._container.streams.audio:
            codec = stream.codec_context.name
            holds = target.supported_codecs | (TRANSPORT_STREAM_SOUND if target.format.name == "mpegts" else set())
            if codec not in holds:
                raise SoundNotKept(
                    f"The sound of {self._path} ({codec}) can't be kept in {name}; "
                    "name the result .mkv or .mov, or leave --keep-audio out."
                )
            self._sound[stream.index] = target.add_stream_from_template(stream)
            self._sound[stream.index].metadata.clear()
        if self._sound:
            self._packets = self._container.demux(list(self._container.streams.audio))
            self._next = next(self._packets, None)

    def copy_sound(self, target: OutputContainer, until: float) -> None:
        """Copy the sound up to `until` seconds after the first picture."""
        while (packet := self._next) is not None and self._begin(packet) <= until:
            self._next = next(self._packets, None)
            if packet.dts is None or self._begin(packet) < 0:
                continue
            shift = round(self._begins / packet.time_base)
            packet.dts -= shift
            if packet.pts is not None:
                packet.pts -= shift
            packet.stream = self._sound[packet.stream_index]
            target.mux(packet)

    def _begin(self, packet: "Packet[Stream]") -> float:
        """Seconds after the first picture; a packet without a time belongs to the one before it."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        return 0.0 if stamp is None else float(stamp * packet.time_base) - self._begins
