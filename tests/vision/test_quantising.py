"""INT8 versions: made, judged, kept or refused; and the files that are kept, changed or foreign."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest

from appliance.vision import weights
from appliance.vision.backends.openvino import prepare
from appliance.vision.catalogue import CatalogueNetwork
from appliance.vision.families import FAMILIES
from appliance.vision.quantised_weights import NotWritten, file_names, read_quantised, write_quantised
from appliance.vision.quantising import LEAST_AGREEMENT, NNCFMissing, NotQuantised, Quantised, load_nncf, quantise
from appliance.vision.weights import ModelChanged, ModelMissing
from tests.vision.bright_squares import bright_squares, samples, write_network

pytest.importorskip("nncf", reason="NNCF is not installed")


def quiet(line: str) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[CatalogueNetwork, Path, Quantised]:
    """A network and its INT8 version, which is not written yet."""
    models = tmp_path_factory.mktemp("models")
    network = write_network(models, bright_squares())
    return network, models, quantise(network, models, samples(network), quiet)


@pytest.fixture
def kept(made: tuple[CatalogueNetwork, Path, Quantised], tmp_path: Path) -> tuple[CatalogueNetwork, Path]:
    """The same, written into a directory that a test may damage."""
    network, models, quantised = made
    write_network(tmp_path / "models", (models / "squares.onnx").read_bytes())
    write_quantised(quantised.record, quantised.model, quantised.values, tmp_path / "models")
    return network, tmp_path / "models"


def test_an_int8_version_finds_the_same_at_every_size(made: tuple[CatalogueNetwork, Path, Quantised]) -> None:
    network, models, quantised = made
    core = ov.Core()
    versions = [core.read_model(models / "squares.onnx"), core.read_model(quantised.model, quantised.values)]
    outputs = FAMILIES[network.family].outputs
    for size in network.input.sizes:
        picture = np.zeros((1, size[1], size[0], 3), np.uint8)
        picture[:, 8:40, 16:48] = 200
        maps = [
            core.compile_model(prepare(model, network.input, outputs, size), "CPU")([picture])[0] for model in versions
        ]
        np.testing.assert_array_equal(maps[0] > 0.5, maps[1] > 0.5)
        assert (maps[1] > 0.5).sum() == 32 * 32


def test_an_int8_version_is_made_of_8_bit_numbers(made: tuple[CatalogueNetwork, Path, Quantised]) -> None:
    quantised = made[2]
    kinds = {
        operation.get_type_name() for operation in ov.Core().read_model(quantised.model, quantised.values).get_ops()
    }
    assert "FakeQuantize" in kinds


def test_the_record_says_where_it_comes_from(made: tuple[CatalogueNetwork, Path, Quantised]) -> None:
    network, _, quantised = made
    record = quantised.record
    assert (record.network, record.original) == ("squares", network.sha256)
    assert (record.calibration_pictures, record.held_back_pictures) == (24, 24)
    assert record.reference_objects == 24 * 3
    assert min(record.recall, record.precision) >= LEAST_AGREEMENT
    assert record.nncf.startswith("3.")
    assert record.openvino == ov.get_version()
    assert record.files == {
        "squares.int8.xml": weights.sha256(quantised.model),
        "squares.int8.bin": weights.sha256(quantised.values),
    }


def test_an_int8_version_that_does_not_agree_is_refused(tmp_path: Path) -> None:
    network = write_network(tmp_path, bright_squares(noise=1e6))
    with pytest.raises(NotQuantised, match="original stays in use") as refusal:
        quantise(network, tmp_path, samples(network), quiet)
    record = refusal.value.record
    assert record is not None
    assert min(record.recall, record.precision) < LEAST_AGREEMENT
    assert [path.name for path in tmp_path.iterdir()] == ["squares.onnx"]


@pytest.mark.parametrize(
    ("count", "squares", "words"), [(16, 3, "16 pictures are too few"), (40, 2, "finds only 40 objects in the 20")]
)
def test_too_little_to_judge_by_is_refused(tmp_path: Path, count: int, squares: int, words: str) -> None:
    network = write_network(tmp_path, bright_squares())
    with pytest.raises(NotQuantised, match=words):
        quantise(network, tmp_path, samples(network, count, squares), quiet)


def test_without_the_original_there_is_nothing_to_quantise(tmp_path: Path) -> None:
    network = write_network(tmp_path, bright_squares())
    found = samples(network)
    (tmp_path / "squares.onnx").unlink()
    with pytest.raises(ModelMissing, match="models pull"):
        quantise(network, tmp_path, found, quiet)


def test_without_nncf_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nncf", None)
    with pytest.raises(NNCFMissing, match="pip install"):
        load_nncf()


def test_what_was_written_is_read_again(
    kept: tuple[CatalogueNetwork, Path], made: tuple[CatalogueNetwork, Path, Quantised]
) -> None:
    files = read_quantised(*kept)
    assert files is not None
    assert (files.model, files.weights) == (made[2].model, made[2].values)
    assert sorted(path.name for path in kept[1].iterdir()) == [
        "squares.int8.bin",
        "squares.int8.json",
        "squares.int8.xml",
        "squares.onnx",
    ]


def test_a_network_without_an_int8_version_has_none(made: tuple[CatalogueNetwork, Path, Quantised]) -> None:
    network, models, _ = made
    assert read_quantised(network, models) is None


def test_without_its_record_a_version_counts_as_not_there(kept: tuple[CatalogueNetwork, Path]) -> None:
    """That is how it looks when writing one was broken off."""
    network, models = kept
    (models / "squares.int8.json").unlink()
    assert read_quantised(network, models) is None


@pytest.mark.parametrize("name", file_names("squares")[:2])
@pytest.mark.parametrize("content", [b"another", None])
def test_a_changed_or_missing_file_is_found(
    kept: tuple[CatalogueNetwork, Path], name: str, content: bytes | None
) -> None:
    network, models = kept
    (models / name).unlink()
    if content is not None:
        (models / name).write_bytes(content)
    with pytest.raises(ModelChanged, match=rf"{name}.*models quantise squares"):
        read_quantised(network, models)


@pytest.mark.parametrize("change", [{"network": "other"}, {"recall": "high"}, {"owner": "me"}, {"format": "2"}])
def test_a_foreign_record_is_found(kept: tuple[CatalogueNetwork, Path], change: dict[str, Any]) -> None:
    network, models = kept
    path = models / "squares.int8.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelChanged, match="models quantise squares"):
        read_quantised(network, models)


def test_a_version_of_another_original_is_found(kept: tuple[CatalogueNetwork, Path]) -> None:
    models = kept[1]
    network = write_network(models, bright_squares(noise=2.0))
    with pytest.raises(ModelChanged, match="another original"):
        read_quantised(network, models)


def test_a_changed_original_is_found(kept: tuple[CatalogueNetwork, Path]) -> None:
    network, models = kept
    (models / "squares.onnx").write_bytes(b"another")
    with pytest.raises(ModelChanged, match="models pull"):
        read_quantised(network, models)


def test_a_directory_that_takes_no_file_is_said(made: tuple[CatalogueNetwork, Path, Quantised], tmp_path: Path) -> None:
    quantised = made[2]
    with pytest.raises(NotWritten, match="nowhere"):
        write_quantised(quantised.record, quantised.model, quantised.values, tmp_path / "nowhere")
