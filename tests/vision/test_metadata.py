"""What a photograph tells besides its picture is gone, as an independent reader sees it."""

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.vision.recordings import redact_file
from tests.vision.scripted import Picture, detectors
from tests.vision.test_formats import SECRET, metadata

pytestmark = pytest.mark.skipif(shutil.which("exiftool") is None, reason="see packaging/apt-test.txt")

WIDTH, HEIGHT = 96, 64
# What describes the file itself and not who took it, where and with what.
OF_THE_FILE = {
    *("SourceFile", "ExifToolVersion", "FileName", "Directory", "FileSize", "FileModifyDate", "FileAccessDate"),
    *(
        "FileInodeChangeDate",
        "FilePermissions",
        "FileType",
        "FileTypeExtension",
        "MIMEType",
        "ImageWidth",
        "ImageHeight",
    ),
    *("ImageSize", "Megapixels", "EncodingProcess", "BitsPerSample", "ColorComponents", "YCbCrSubSampling", "BitDepth"),
    *("ColorType", "Compression", "Filter", "Interlace", "JFIFVersion", "ResolutionUnit", "XResolution", "YResolution"),
    *("VP8Version", "HorizontalScale", "VerticalScale", "BMPVersion", "Planes", "ImageLength", "PixelsPerMeterX"),
    *("PixelsPerMeterY", "NumColors", "NumImportantColors", "RedMask", "GreenMask", "BlueMask", "AlphaMask"),
    *("ColorSpace", "RenderingIntent", "AlphaIsUsed"),
    *("ExifByteOrder", "PhotometricInterpretation", "SamplesPerPixel", "PlanarConfiguration", "Predictor"),
    *("StripOffsets", "RowsPerStrip", "StripByteCounts", "SampleFormat"),
}


def picture() -> Picture:
    pixels = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    pixels[:16, :16] = 0
    return pixels


def photograph(path: Path, orientation: int) -> Path:
    """A picture as a telephone would take it: who, where, with what, a thumbnail, a comment and a colour profile."""
    pixels = picture()
    cv2.imwrite(str(path), pixels)
    thumbnail, profile = path.with_name("thumbnail.jpg"), path.with_name("profile.icc")
    cv2.imwrite(str(thumbnail), cv2.resize(pixels, (32, 24)))
    # A profile of nothing but its header, with a private text behind it.
    profile.write_bytes((128 + len(SECRET)).to_bytes(4, "big") + bytes(32) + b"acsp" + bytes(88) + SECRET.encode())
    tags = {
        "Artist": SECRET,
        "Copyright": SECRET,
        "SerialNumber": SECRET,
        "UserComment": SECRET,
        "XMP:Creator": SECRET,
        "IPTC:By-line": SECRET,
        "Comment": SECRET,
        "GPSLatitude": "48.8577",
        "GPSLatitudeRef": "N",
        "Orientation#": str(orientation),
        "ThumbnailImage<": str(thumbnail),
        "ICC_Profile<": str(profile),
    }
    given = [f"-{name}={value}" for name, value in tags.items()]
    subprocess.run(
        ["exiftool", "-q", "-q", "-m", "-overwrite_original", *given, str(path)], capture_output=True, check=True
    )
    thumbnail.unlink()
    profile.unlink()
    return path


@pytest.mark.parametrize("source_suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
def test_an_independent_reader_finds_nothing_but_the_picture(tmp_path: Path, source_suffix: str, suffix: str) -> None:
    source, target = photograph(tmp_path / f"in{source_suffix}", 1), tmp_path / f"out{suffix}"
    before = metadata(source)
    assert before["Artist"] == SECRET
    assert "GPSLatitude" in before
    redact_file(source, target, detectors())
    assert set(metadata(target)) <= OF_THE_FILE
    assert SECRET.encode() not in target.read_bytes()
    assert b"Exif" not in target.read_bytes()


@pytest.mark.parametrize(
    ("orientation", "corner"), [(3, (-1, -1)), (6, (0, -1)), (8, (-1, 0)), (5, (0, 0)), (2, (0, -1))]
)
def test_a_turned_photograph_is_stored_upright(tmp_path: Path, orientation: int, corner: tuple[int, int]) -> None:
    target = tmp_path / "out.png"
    redact_file(photograph(tmp_path / "in.jpg", orientation), target, detectors())
    result = cv2.imread(str(target), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    assert result is not None
    assert result.shape == ((WIDTH, HEIGHT, 3) if orientation >= 5 else (HEIGHT, WIDTH, 3))
    assert result[corner].max() < 30
