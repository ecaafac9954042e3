"""Loading networks: which device, what is missing, and that nothing reaches the network."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from appliance.settings import Analysis, find_paths
from appliance.vision.backends.interface import Place
from appliance.vision.backends.openvino import OpenVINONetwork
from appliance.vision.catalogue import TASKS, load_catalogue
from appliance.vision.compiling import choose_places
from appliance.vision.detectors.letterbox import choose_size
from appliance.vision.runtime import (
    DetectorUnavailable,
    InferenceFailed,
    ModelChanged,
    ModelMissing,
    load_detectors,
    plan_devices,
)


def test_absent_devices_are_passed_over_with_a_reason(default_models: Path, tmp_path: Path) -> None:
    detectors = load_detectors(default_models, tmp_path, ("NO-SUCH", "CPU"), load_catalogue())
    assert detectors.failures == {}
    assert [network.task for network in detectors.networks] == list(TASKS)
    for network in detectors.networks:
        entry = load_catalogue().for_task(network.task)
        assert entry is not None
        assert (network.device, network.precision) == ("CPU", "FP32")
        assert network.passed_over == ("NO-SUCH: not on this machine",)
        assert (network.sha256, network.licence) == (entry.sha256, entry.licence)


def flip_a_bit(content: bytes) -> bytes:
    """One bit of the weights, which are the last part of a compiled network."""
    changed = bytearray(content)
    changed[-len(content) // 3] ^= 1
    return bytes(changed)


def test_no_device_at_all_leaves_no_detector(default_models: Path, tmp_path: Path) -> None:
    detectors = load_detectors(default_models, tmp_path, ("NO-SUCH",), load_catalogue(), ("faces",))
    assert detectors.faces is None
    with pytest.raises(DetectorUnavailable, match="NO-SUCH: not on this machine"):
        detectors.need("faces")


def test_one_missing_or_changed_network_leaves_the_others(default_models: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for path in default_models.iterdir():
        if not path.name.startswith("centerface"):
            (models / path.name).write_bytes(path.read_bytes())
    (models / "pp-ocrv6-text.onnx").write_bytes(b"another network")
    detectors = load_detectors(models, tmp_path / "compiled", ("CPU",), load_catalogue())
    assert detectors.people_vehicles is not None
    assert detectors.faces is None
    assert detectors.text is None
    with pytest.raises(ModelMissing, match="models pull"):
        detectors.need("faces")
    with pytest.raises(ModelChanged, match="models pull"):
        detectors.need("text")


def test_a_network_that_openvino_cannot_read_is_one_sentence(tmp_path: Path) -> None:
    from tests.vision.packages import CONTENT, NAME, catalogue_of

    (tmp_path / f"{NAME}.onnx").write_bytes(CONTENT)
    detectors = load_detectors(tmp_path, tmp_path / "compiled", ("CPU",), catalogue_of("pip"), ("faces",))
    with pytest.raises(ModelChanged, match="can't read the network tiny") as caught:
        detectors.need("faces")
    assert "\n" not in str(caught.value)


def test_only_the_wanted_networks_are_loaded(default_models: Path, tmp_path: Path) -> None:
    detectors = load_detectors(default_models, tmp_path, ("CPU",), load_catalogue(), ("people-vehicles",))
    assert detectors.people_vehicles is not None
    assert [network.task for network in detectors.networks] == ["people-vehicles"]
    with pytest.raises(ModelMissing, match="not loaded"):
        detectors.need("text")


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], flip_a_bit, lambda _: b""])
def test_a_damaged_cache_of_compiled_networks_is_made_anew(
    damage: Callable[[bytes], bytes], default_models: Path, tmp_path: Path
) -> None:
    """A single flipped bit in a compiled network's weights is noticed, as in the network's own file."""
    image = np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8)

    def detect() -> object:
        detectors = load_detectors(default_models, tmp_path, ("CPU",), load_catalogue(), ("text",))
        return detectors.need("text").start(image).result(60)

    expected = detect()
    kept = list(tmp_path.glob("*.compiled"))
    assert kept
    for path in kept:
        path.write_bytes(damage(path.read_bytes()))
    assert detect() == expected
    for path in kept:
        content = path.read_bytes()
        assert hashlib.sha256(content[32:]).digest() == content[:32], "it was compiled anew and kept"


def test_a_second_start_compiles_nothing(default_models: Path, tmp_path: Path) -> None:
    image = np.zeros((576, 768, 3), np.uint8)

    def start() -> list[bool]:
        detectors = load_detectors(default_models, tmp_path, ("CPU",), load_catalogue())
        from_cache = []
        for loaded in detectors.loaded:
            loaded.network.start(image).result(60)
            entry = loaded.network.entry.input
            for size in {entry.sizes[0], choose_size(entry.sizes, 768, 576, entry.largest_scale)}:
                compiled = loaded.network.compiled(size)
                assert isinstance(compiled, OpenVINONetwork)
                from_cache.append(compiled.from_cache)
        return from_cache

    first, second = start(), start()
    assert not any(first)
    assert len(second) >= 3
    assert all(second)


def test_without_a_place_for_the_cache_the_networks_still_load(default_models: Path, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file")
    detectors = load_detectors(default_models, tmp_path / "occupied", ("CPU",), load_catalogue(), ("faces",))
    assert detectors.faces is not None


def test_the_plan_of_devices_names_what_is_missing(tmp_path: Path) -> None:
    plan = plan_devices(find_paths({"HOME": str(tmp_path)}), Analysis())
    assert Place("OpenVINO", "CPU", "CPU") in plan.places
    assert plan.networks == ()
    assert all("models pull" in reason for reason in plan.failures.values())


def test_a_network_may_have_an_order_of_devices_of_its_own(default_models: Path, tmp_path: Path) -> None:
    detectors = load_detectors(
        default_models,
        tmp_path,
        ("CPU",),
        load_catalogue(),
        ("faces", "text"),
        network_devices={"centerface": ("NO-SUCH", "CPU")},
    )
    assert {network.name: network.passed_over for network in detectors.networks} == {
        "centerface": ("NO-SUCH: not on this machine",),
        "pp-ocrv6-text": (),
    }


def test_a_network_that_is_changed_while_the_program_runs_fails_the_pictures_that_need_it_anew(
    default_models: Path, tmp_path: Path
) -> None:
    """Each size is compiled from the file, and the file is checked each time."""
    models = tmp_path / "models"
    models.mkdir()
    for path in default_models.glob("centerface*"):
        (models / path.name).write_bytes(path.read_bytes())
    detectors = load_detectors(models, tmp_path / "compiled", ("CPU",), load_catalogue(), ("faces",))
    (models / "centerface.onnx").write_bytes(flip_a_bit((models / "centerface.onnx").read_bytes()))
    with pytest.raises(InferenceFailed, match="wrong SHA-256"):
        detectors.need("faces").start(np.zeros((960, 1280, 3), np.uint8)).result(60)


def test_places_are_chosen_by_kind_and_by_name() -> None:
    npu, gpu0, gpu1 = (
        Place("OpenVINO", "NPU", "NPU"),
        Place("OpenVINO", "GPU.0", "GPU"),
        Place("OpenVINO", "GPU.1", "GPU"),
    )
    cuda, cpu, other = (
        Place("ONNX Runtime", "CUDA", "GPU"),
        Place("OpenVINO", "CPU", "CPU"),
        Place("ONNX Runtime", "CPU", "CPU"),
    )
    here = (gpu0, gpu1, cpu, cuda, other)
    missing: list[str] = []
    assert choose_places(here, ("NPU", "GPU", "CPU"), missing) == [gpu0, gpu1, cuda, cpu, other]
    assert missing == ["NPU: not on this machine"]
    assert choose_places((npu, *here), ("GPU.1", "CUDA", "GPU", "NPU"), missing) == [gpu1, cuda, gpu0, npu]


def test_loading_and_running_networks_opens_no_connection(default_models: Path, tmp_path: Path) -> None:
    """OpenVINO's own package reports its import over the network unless it is kept from it."""
    program = """
import sys
events = []
sys.addaudithook(lambda name, _: events.append(name) if name.startswith("socket.") else None)
from pathlib import Path
import numpy as np
from appliance.vision.catalogue import load_catalogue
from appliance.vision.runtime import load_detectors
detectors = load_detectors(Path(sys.argv[1]), Path(sys.argv[2]), ("CPU",), load_catalogue(), ("faces",))
detectors.need("faces").start(np.zeros((48, 64, 3), np.uint8)).result(60)
assert not any("telemetry" in name for name in sys.modules), "telemetry was imported"
assert not events, events
print("quiet")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(default_models), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "quiet\n", done.stderr
