"""Looks for the pattern in any bytes: as they are, and in the pictures, videos and packed data found in them.

A row of the pattern is a sequence of bits. Whatever the width that a picture was scaled to and however its pixels lie
in memory, each block of a row is so many bytes long; for each such length the bytes are averaged block by block, turned
to bits by comparing with their surroundings, and 32 bits in a row are looked up among those of the pattern. What agrees
is kept if the averages of half a row correlate with its bits, also in those blocks that were not looked up, and if
there are several such places one after the other.
"""

import base64
import binascii
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.containment.pattern import BITS, BLOCK, CODE, WIDTH, Pattern

# Widths that a whole picture may have been scaled to: its own, and those of common networks' inputs and thumbnails.
WIDTHS = (768, 640, 512, 416, 384, 320, 256)
# Bytes from one pixel to the next: a plane (chroma at half the width is a narrower plane), YUYV, RGB, RGBA.
PIXEL_BYTES = (1, 2, 3, 4)
# The lengths of a block that follow, in bytes; some widths and kinds of pixels share one.
BLOCK_BYTES = sorted({BLOCK * width * each / WIDTH for width in WIDTHS for each in PIXEL_BYTES})
# Of numbers of four bytes, such as networks take: one plane, or three colours side by side.
BLOCK_NUMBERS = sorted({BLOCK * width * each / WIDTH for width in WIDTHS for each in (1, 3)})
PHASES = 4
SEGMENT = 1 << 22
# Correlated are this many blocks, which is what lies under the mask of the masked clip.
RUN = 48
CORRELATION = 0.8
# Chance alone finds a row now and then in hundreds of megabytes of other data, but not so many of them.
ROWS = 3
LEAST_CONTRAST = 0.3
# More bytes than the widest row has, so that none is cut in two between segments.
OVERLAP = 1 << 15

JPEG, PNG, WEBP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"WEBP"
JPEG_END = b"\xff\xd9"
LARGEST_IMAGE = 1 << 23
VIDEO_STARTS = (b"ftyp", b"\x1aE\xdf\xa3", b"AVI ", b"FLV\x01", b"\x00\x00\x00\x01\x67", b"\x00\x00\x00\x01\x40\x01")
PACKED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]|PK\x03\x04")
TEXT = re.compile(rb"[A-Za-z0-9+/_\r\n-]{400,}")
URL_SAFE = bytes.maketrans(b"-_", b"+/")
HEXADECIMAL = re.compile(rb"(?:[0-9a-fA-F]{2}){400,}")
LARGEST_UNPACKED = 1 << 26
DEEPEST = 3


@dataclass(frozen=True)
class Found:
    """Where the pattern was found: in what form, and how many bytes into it."""

    form: str
    offset: int


@dataclass
class Searcher:
    """Searches for one pattern. `images` counts the pictures that were decoded on the way."""

    pattern: Pattern
    images: int = 0
    searched: int = 0
    _codes: NDArray[np.uint32] = field(init=False)
    _places: NDArray[np.int64] = field(init=False)
    _beginnings: NDArray[np.bool_] = field(init=False)
    _judged: dict[bytes, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        starts = BITS - CODE + 1
        windows = np.lib.stride_tricks.sliding_window_view(self.pattern.bits.astype(np.uint64), CODE, axis=1)
        codes = (windows @ (np.uint64(1) << np.arange(CODE - 1, -1, -1, dtype=np.uint64))).astype(np.uint32).ravel()
        places = np.arange(codes.size)
        # A negative of the picture has all bits the other way.
        both = np.concatenate([codes, ~codes])
        order = np.argsort(both)
        self._codes = both[order]
        self._places = np.concatenate([places, places])[order]
        self._beginnings = np.zeros(1 << 16, np.bool_)
        self._beginnings[self._codes >> 16] = True
        self._starts = starts

    def search(self, data: bytes, depth: int = 0) -> Iterator[Found]:
        """Everything found in `data`, at most once a form and segment."""
        self.searched += len(data)
        yield from self.search_plain(data)
        yield from self._search_images(data)
        if any(start in data[:64] for start in VIDEO_STARTS):
            yield from self._search_video(data)
        if depth < DEEPEST:
            for form, offset, inner in _unpack(data):
                yield from (Found(f"{found.form} in {form}", offset) for found in self.search(inner, depth + 1))

    def search_plain(self, data: bytes) -> Iterator[Found]:
        """Pixels as they lie in memory: bytes, and numbers of four bytes."""
        for start in range(0, len(data), SEGMENT):
            part = np.frombuffer(data, np.uint8)[start : start + SEGMENT + OVERLAP]
            for block in BLOCK_BYTES:
                offset = self._find(part, block)
                if offset is not None:
                    yield Found(f"pixels, {block:.3g} bytes a block", start + offset)
            for phase in range(4):
                for block in BLOCK_NUMBERS:
                    offset = self._find(part[phase::4], block)
                    if offset is not None:
                        yield Found(f"numbers of 4 bytes, {block:.3g} a block", start + phase + 4 * offset)

    def search_picture(self, picture: NDArray[np.uint8], step: int = 4) -> bool:
        """Whether a decoded picture (BGR or grey) shows the pattern, at any of the known scales."""
        planes = [picture] if picture.ndim == 2 else [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), picture[:, :, 0]]
        return any(
            self._find(np.ascontiguousarray(plane[::step]).ravel(), BLOCK * width / WIDTH) is not None
            for plane in planes
            for width in WIDTHS
        )

    def _search_images(self, data: bytes) -> Iterator[Found]:
        for form, offset, content in _images(data):
            digest = hashlib.sha256(content).digest()
            if digest not in self._judged:
                picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
                self.images += picture is not None
                self._judged[digest] = picture is not None and self.search_picture(np.asarray(picture, np.uint8))
            if self._judged[digest]:
                yield Found(form, offset)

    def _search_video(self, data: bytes) -> Iterator[Found]:
        try:
            with av.open(io.BytesIO(data)) as container:
                for number, frame in enumerate(container.decode(video=0)):
                    self.images += 1
                    if self.search_picture(frame.to_ndarray(format="bgr24")):
                        yield Found("video", 0)
                        return
                    if number > 100:
                        return
        except (av.error.FFmpegError, ValueError, IndexError):
            return

    def _find(self, part: NDArray[np.uint8], block: float) -> int | None:
        """The offset of the first of `ROWS` rows whose blocks are `block` bytes long; None where there are fewer."""
        if len(part) < block * (RUN + 2):
            return None
        sums = np.cumsum(part, dtype=np.uint32)
        for phase in range(PHASES):
            edges = np.arange(phase * block / PHASES, len(part) - 1, block).round().astype(np.int32)
            means = np.diff(sums[edges]).astype(np.float32) / np.diff(edges).astype(np.float32)
            rows: list[int] = []
            for at in self._rows(means):
                if not rows or at - rows[-1] >= RUN:
                    rows.append(at)
                if len(rows) == ROWS:
                    return int(edges[rows[0]])
        return None

    def _rows(self, means: NDArray[np.float32]) -> Iterator[int]:
        """Where parts of the pattern's rows are, in order; several for each row."""
        if len(means) < RUN:
            return
        codes = _codes_of(means)
        candidates = np.flatnonzero(self._beginnings[codes >> 16])
        where = np.searchsorted(self._codes, codes[candidates])
        where[where == len(self._codes)] = 0
        agree = self._codes[where] == codes[candidates]
        for at, place in zip(candidates[agree], self._places[where[agree]], strict=True):
            if self._correlates(means, int(at), *divmod(int(place), self._starts)):
                yield int(at)

    def _correlates(self, means: NDArray[np.float32], at: int, band: int, start: int) -> bool:
        """Whether the averages follow the bits, also in those blocks that the 32 bits did not look at."""
        for earlier in range(0, RUN - CODE + 1, 4):
            first, begin = start - earlier, at - earlier
            if first < 0 or begin < 0 or first + RUN > BITS or begin + RUN > len(means):
                continue
            row, bits = means[begin : begin + RUN], self.pattern.bits[band, first : first + RUN]
            others = np.r_[0:earlier, earlier + CODE : RUN]
            if _correlation(row, bits) >= CORRELATION and _correlation(row[others], bits[others]) >= CORRELATION:
                return True
        return False


def _codes_of(means: NDArray[np.float32]) -> NDArray[np.uint32]:
    """For each place the 32 bits that begin there: whether an average is above its surroundings."""
    sums = np.cumsum(means, dtype=np.float64)
    around = np.empty_like(means)
    half = CODE // 2
    around[half:-half] = (sums[CODE:] - sums[:-CODE]) / CODE
    around[:half], around[-half:] = around[half], around[-half - 1]
    codes = (means > around).astype(np.uint32)
    length = 1
    while length < CODE:
        codes = (codes[:-length] << np.uint32(length)) | codes[length:]
        length *= 2
    return codes


def _correlation(row: NDArray[np.float32], bits: NDArray[np.uint8]) -> float:
    """Of averages and bits, whichever way round; 0 where there is hardly any contrast."""
    if row.std() <= LEAST_CONTRAST or not bits.any() or bits.all():
        return 0.0
    return abs(float(np.corrcoef(row, bits)[0, 1]))


def _images(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """What begins like a picture, with its bytes; a picture's own end stops whoever decodes it."""
    for form, magic, before in (("PNG", PNG, 0), ("WebP", WEBP, 8)):
        for offset, following in _offsets(data, magic):
            begin = max(0, offset - before)
            yield form, begin, data[begin : min(begin + LARGEST_IMAGE, following)]
    for offset, following in _offsets(data, JPEG):
        # What lies behind a picture is none of it, so that the same picture is decoded once.
        closed = data.rfind(JPEG_END, offset, min(offset + LARGEST_IMAGE, following))
        # Without its end it was cut off, or what follows is a small picture inside it. It is decoded as far as it goes.
        end = closed if closed >= 0 else offset + LARGEST_IMAGE
        yield "JPEG", offset, data[offset:end] + JPEG_END


def _offsets(data: bytes, magic: bytes) -> Iterator[tuple[int, int]]:
    """Each place of `magic`, with the following one or the end of the data."""
    offset = data.find(magic)
    while offset >= 0:
        following = data.find(magic, offset + len(magic))
        yield offset, following if following >= 0 else len(data)
        offset = following


def _unpack(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """What was packed with zlib, gzip or zip, or written as text in base64 or hexadecimal digits."""
    for match in PACKED.finditer(data):
        offset = match.start()
        bits = 31 if match[0].startswith(b"\x1f") else 15
        if match[0].startswith(b"PK"):
            bits = -15
            name, extra = (int.from_bytes(data[offset + at : offset + at + 2], "little") for at in (26, 28))
            offset += 30 + name + extra
        try:
            unpacked = zlib.decompressobj(bits).decompress(data[offset:], LARGEST_UNPACKED)
        except zlib.error:
            continue
        if len(unpacked) > 512:
            yield "packed data", match.start(), unpacked
    for match in HEXADECIMAL.finditer(data):
        yield "hexadecimal", match.start(), bytes.fromhex(match[0].decode())
    for match in TEXT.finditer(data):
        text = match[0].translate(URL_SAFE, b"\r\n")
        # What stands before it may look like a part of it.
        for phase in range(4):
            # A single digit at the end is no byte.
            digits = text[phase:-1] if (len(text) - phase) % 4 == 1 else text[phase:]
            try:
                yield "base64", match.start(), base64.b64decode(digits + b"===")
            except binascii.Error:
                continue
