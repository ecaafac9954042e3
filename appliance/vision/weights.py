"""The weights on disk: which files a network has, and whether they are what the catalogue says.

Every network is an ONNX file, `NAME.onnx`. One that is used as it came is known by the catalogue's SHA-256. A converted
one has a second file, `NAME.json`, the record of the conversion, which names the source files' SHA-256, the converter's
version and the SHA-256 of the ONNX file.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from appliance.errors import VeilsightError
from appliance.language import marked
from appliance.vision.catalogue import Catalogue, CatalogueNetwork

# Raised when the conversion changes, so that a network converted by an older program is fetched and converted anew.
CONVERSION_VERSION = 4


class ModelMissing(VeilsightError):
    """A network has not been fetched yet."""


class ModelChanged(VeilsightError):
    """A network's file is not the one that the catalogue or its conversion record names."""


class ConversionRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was converted, by what, and what came out: SHA-256 by file name, lower-case hexadecimal."""

    conversion: int
    onnx: str
    sources: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True)
class NetworkFiles:
    """A network's checked content. `weights` is there for a network in two parts only, and no ONNX file is one."""

    model: bytes
    weights: bytes | None = None


def file_names(network: CatalogueNetwork) -> tuple[str, ...]:
    """Names of the network's files in the models directory, the model first."""
    model = f"{network.name}.onnx"
    return (model, f"{network.name}.json") if network.is_converted else (model,)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_network(network: CatalogueNetwork, directory: Path) -> NetworkFiles:
    """Read a network's files once and check these very bytes, so that nothing can be swapped in between.

    Raises `ModelMissing` and `ModelChanged`.
    """
    model, *records = file_names(network)
    expected = network.sha256
    for record in records:
        expected = _read_record(network, directory / record).files.get(model, "")
    return NetworkFiles(_read_checked(directory / model, expected))


def verify(catalogue: Catalogue, directory: Path) -> dict[str, VeilsightError | None]:
    """Check every network's files; for each name None where all is well, or what is wrong."""
    found: dict[str, VeilsightError | None] = {}
    for network in catalogue.networks:
        try:
            read_network(network, directory)
            found[network.name] = None
        except VeilsightError as error:
            found[network.name] = error
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        missing = marked("The network file %(path)s is not there; fetch the networks with: veilsight models pull")
        raise ModelMissing(missing, path=path) from error
    except OSError as error:
        unread = marked("The network file %(path)s can't be read (%(reason)s).")
        raise ModelMissing(unread, path=path, reason=error.strerror) from error


def _read_checked(path: Path, expected: str) -> bytes:
    content = _read(path)
    if sha256(content) != expected:
        raise ModelChanged(
            marked(
                "The network file %(path)s is not the one it should be (wrong SHA-256); fetch it again with: veilsight "
                "models pull"
            ),
            path=path,
        )
    return content


def _read_record(network: CatalogueNetwork, path: Path) -> ConversionRecord:
    try:
        record = msgspec.json.decode(_read(path), type=ConversionRecord)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        damaged = marked(
            "The conversion record %(path)s is damaged, or an older program's; repeat: veilsight models pull"
        )
        raise ModelChanged(damaged, path=path) from error
    sources = {file.base_name: file.sha256 for file in network.source.files}
    if record.sources != sources or record.conversion != CONVERSION_VERSION:
        raise ModelChanged(
            marked(
                "The network %(name)s in %(folder)s was converted from other files or by an older program; repeat: "
                "veilsight models pull"
            ),
            name=network.name,
            folder=path.parent,
        )
    return record
