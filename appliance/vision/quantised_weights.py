"""INT8 versions of networks on disk: three files beside the original, and whether they still belong to it.

`NAME.int8.xml` and `NAME.int8.bin` are the network (OpenVINO IR), `NAME.int8.json` says what it was made from, how, and
how well it agrees with the original. The record is written last: files without one count as not there.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from appliance.errors import VeilsightError
from appliance.files import write_whole
from appliance.vision import weights
from appliance.vision.catalogue import CatalogueNetwork
from appliance.vision.weights import ModelChanged, ModelMissing, NetworkFiles


class NotWritten(VeilsightError):
    """The models directory does not take the files."""


class QuantisationRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an INT8 version comes from. SHA-256 in lower-case hexadecimal, shares 0..1.

    `original` is that of the original's model file, `files` are those of the INT8 version by file name. In the pictures
    held back, the original found `reference_objects`, of which the INT8 version found the share `recall` too, and the
    INT8 version found `found_objects`, of which the original found the share `precision` too. These are the objects
    that are judged: from a score and a size in pixels of the input up (see `agreement`). The strict figures count every
    object.
    """

    network: str
    original: str
    recipe: str
    calibration_pictures: int
    held_back_pictures: int
    judged_from_score: float
    judged_from_side: float
    reference_objects: int
    found_objects: int
    recall: float
    precision: float
    strict_recall: float
    strict_precision: float
    nncf: str
    openvino: str
    made: datetime
    files: dict[str, str]
    format: Literal["veilsight-int8-1"] = "veilsight-int8-1"


def file_names(name: str) -> tuple[str, str, str]:
    """Names of a network's INT8 files in the models directory: model, weights, record."""
    return f"{name}.int8.xml", f"{name}.int8.bin", f"{name}.int8.json"


def read_quantised(entry: CatalogueNetwork, directory: Path) -> NetworkFiles | None:
    """The network's INT8 version, checked; None where there is none.

    Raises `ModelChanged` where a file is not the one that the record names, or where the version was made from another
    original than the one in the directory, and `ModelMissing` and `ModelChanged` for the original itself.
    """
    model_name, weights_name, _ = file_names(entry.name)
    record = read_record(entry, directory)
    if record is None:
        return None
    if record.original != weights.sha256(weights.read_network(entry, directory).model):
        raise _changed(entry, directory / model_name, "was made from another original")
    model, values = (_read_checked(entry, directory / name, record) for name in (model_name, weights_name))
    return NetworkFiles(model, values)


def read_record(entry: CatalogueNetwork, directory: Path) -> QuantisationRecord | None:
    """The record of the network's INT8 version, None where there is none. Raises `ModelChanged` and `ModelMissing`."""
    path = directory / file_names(entry.name)[2]
    try:
        record = msgspec.json.decode(path.read_bytes(), type=QuantisationRecord)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelMissing(f"The network file {path} can't be read ({error.strerror}).") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _changed(entry, path, "is damaged, or another program's") from error
    if record.network != entry.name:
        raise _changed(entry, path, f"belongs to the network {record.network}")
    return record


def write_quantised(record: QuantisationRecord, model: bytes, values: bytes, directory: Path) -> None:
    """Write an INT8 version, the record last; one that was there is replaced. Raises `NotWritten`."""
    model_name, weights_name, record_name = file_names(record.network)
    try:
        # Without its record, what is left of the old version counts as not there while the new one is written.
        (directory / record_name).unlink(missing_ok=True)
        write_whole(directory / weights_name, values)
        write_whole(directory / model_name, model)
        write_whole(directory / record_name, msgspec.json.format(msgspec.json.encode(record)) + b"\n")
    except OSError as error:
        raise NotWritten(
            f"The INT8 version of {record.network} can't be written to {directory} ({error.strerror}); "
            "the original stays in use."
        ) from error


def _read_checked(entry: CatalogueNetwork, path: Path, record: QuantisationRecord) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _changed(entry, path, f"can't be read ({error.strerror})") from error
    if weights.sha256(content) != record.files.get(path.name):
        raise _changed(entry, path, "is not the one it should be (wrong SHA-256)")
    return content


def _changed(entry: CatalogueNetwork, path: Path, reason: str) -> ModelChanged:
    return ModelChanged(
        f"The INT8 version {path} {reason}; make it anew with: veilsight models quantise {entry.name}, "
        f"or delete {file_names(entry.name)[2]} to use the original."
    )
