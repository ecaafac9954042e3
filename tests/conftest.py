"""What every test may need: the real clips and networks, where they are there."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from appliance.settings import find_paths
from appliance.vision import fetching, weights
from appliance.vision.catalogue import load_catalogue

# How long an example takes says how busy the machine is, not whether the program is right. The examples are the same
# each time, so that no change is refused for what another brought in; `make fuzz` looks further.
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
settings.register_profile("veilsight", deadline=None, derandomize=True, phases=PHASES)
settings.register_profile("fuzz", deadline=None, max_examples=1000)
settings.load_profile("veilsight")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def no_test_raises_its_priority() -> Iterator[None]:
    """Tests after it would take every processor for themselves and whatever they start."""
    before = os.sched_getscheduler(0)
    yield
    assert os.sched_getscheduler(0) == before


@pytest.fixture(scope="session", autouse=True)
def forget_open_buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Engines of tests leave copies of their open buckets in memory for a next start, which does not come."""
    yield
    for folder in tmp_path_factory.getbasetemp().rglob("*"):
        if folder.is_dir() and not folder.is_symlink():
            for environment in (os.environ, {}):
                if memory := find_paths(environment, folder).memory:
                    shutil.rmtree(memory, ignore_errors=True)


@pytest.fixture(scope="session")
def evaluation_data() -> Path:
    """Directory of the real test data (PETS09-S2L1, European plates); skips where it is absent."""
    directory = Path(os.environ.get("VEILSIGHT_EVALUATION_DATA") or REPOSITORY.parent / "shared" / "eval")
    if not (directory / "pets09-s2l1" / "vtest.avi").is_file():
        pytest.skip(f"the evaluation data is not at {directory}; set VEILSIGHT_EVALUATION_DATA")
    return directory


@pytest.fixture(scope="session")
def pets_clip(evaluation_data: Path) -> Path:
    return evaluation_data / "pets09-s2l1" / "vtest.avi"


@pytest.fixture(scope="session")
def default_models() -> Path:
    """Directory of the default networks, fetched once by the product's own `pull` and checked each time."""
    directory = REPOSITORY / ".cache" / "models"
    catalogue = load_catalogue().pack("default")
    if any(weights.verify(catalogue, directory).values()):
        fetching.pull(catalogue, directory, None, print)
    return directory


@pytest.fixture(scope="session")
def evaluation_models() -> Path:
    """Directory of networks for tests alone, among them two YuNet files; skips where it is absent."""
    directory = Path(os.environ.get("VEILSIGHT_EVALUATION_MODELS") or REPOSITORY.parent / "shared" / "models")
    if not (directory / "yunet_n_640.onnx").is_file():
        pytest.skip(f"the networks for tests are not at {directory}; set VEILSIGHT_EVALUATION_MODELS")
    return directory


@pytest.fixture(scope="session")
def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
