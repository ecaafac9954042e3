"""Files that lie in no package: which address gives them, and what is refused on the way."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from appliance.vision import fetching, weights
from appliance.vision.fetching import FetchError, pull
from tests.vision.https_server import Server, serving
from tests.vision.packages import CONTENT, NAME, catalogue_of

FILES = {"/right.onnx": CONTENT, "/wrong.onnx": b"something else"}
REDIRECTIONS = {"/moved.onnx": "/right.onnx", "/to-http.onnx": "http://localhost:9/right.onnx"}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "localhost")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server whose certificate this process trusts."""
    with serving(tmp_path, FILES, REDIRECTIONS) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.certificate))
        yield running


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def fetch(server: Server, paths: Sequence[str], models: Path, mirror: Path | None = None) -> None:
    catalogue = catalogue_of("https", urls=tuple(server.url(path) for path in paths))
    pull(catalogue, models, mirror, lambda _line: None)
    assert weights.verify(catalogue, models) == {NAME: None}


@pytest.mark.parametrize("path", ["/right.onnx", "/moved.onnx"])
def test_a_file_comes_from_its_address(server: Server, models: Path, path: str) -> None:
    fetch(server, [path], models)
    assert [each.name for each in models.iterdir()] == [f"{NAME}.onnx"]


@pytest.mark.parametrize(
    ("first", "complaint"),
    [
        ("/none.onnx", "Not Found"),
        ("/wrong.onnx", "not the file that the catalogue names"),
        ("/to-http.onnx", "a redirection away from https"),
    ],
)
def test_the_next_address_is_tried_and_said(
    server: Server, models: Path, first: str, complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        fetch(server, [first, "/right.onnx"], models)
    (line,) = caplog.messages
    assert "\n" not in line
    assert complaint in line
    assert "trying the next address" in line


def test_what_no_address_gives_is_one_sentence_with_all_that_was_tried(server: Server, models: Path) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(server, ["/none.onnx", "/wrong.onnx"], models)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.count(f"localhost:{server.port}") == 2
    assert sentence.endswith("or take the networks from a folder with --from.")
    assert list(models.iterdir()) == []


def test_a_file_that_is_too_large_is_not_read_to_its_end(
    server: Server, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MAXIMUM_BYTES", len(CONTENT) - 1)
    with pytest.raises(FetchError, match="more than a network can hold"):
        fetch(server, ["/right.onnx"], models)
    assert list(models.iterdir()) == []


def test_a_server_with_an_unknown_certificate_is_refused(
    server: Server, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(server, ["/right.onnx"], models)


def test_a_server_that_does_not_answer_is_named(models: Path) -> None:
    # Port 9 of this machine: nobody answers there.
    with pytest.raises(FetchError, match=r"localhost:9: .*refused"):
        fetch(Server(9, Path()), ["/right.onnx"], models)


@pytest.mark.parametrize("name", ["weights.onnx", "a-copy.onnx"])
def test_a_folder_may_hold_the_file_under_the_name_of_any_copy(tmp_path: Path, models: Path, name: str) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    server = Server(9, Path())
    with pytest.raises(FetchError, match=r"neither weights\.onnx nor a-copy\.onnx\."):
        fetch(server, ["/a-copy.onnx"], models, mirror)
    (mirror / name).write_bytes(CONTENT)
    fetch(server, ["/a-copy.onnx"], models, mirror)
