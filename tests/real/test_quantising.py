"""The network that finds people, quantised with the frames of a real scene as a user would do it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import openvino as ov
import pytest

from appliance.audit.log import entries
from appliance.settings import Paths, find_paths
from appliance.storage import cameras
from appliance.storage.database import reading
from appliance.storage.site import create_site, open_site
from appliance.vision.calibration import fit
from appliance.vision.catalogue import load_catalogue
from appliance.vision.quantised_weights import read_quantised
from appliance.vision.quantising import detect
from appliance.vision.weights import read_network
from tests.real.test_networks import SURE, count_matches, every_25th_frame, true_people

pytest.importorskip("nncf", reason="NNCF is not installed")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, default_models: Path, pets_clip: Path) -> Paths:
    """A site whose one camera plays the clip, with its own copy of the networks."""
    state = tmp_path_factory.mktemp("site") / "state"
    paths = find_paths({"HOME": str(state)}, state)
    opened, _ = create_site(paths)
    with opened.engine.begin() as connection:
        cameras.add(connection, cameras.Camera("street", str(pets_clip)))
    opened.engine.dispose()
    shutil.copytree(default_models, paths.models)
    return paths


@pytest.fixture(scope="module")
def quantised(site: Paths) -> dict[str, object]:
    """What the command said."""
    command = ["models", "quantise", "mb3-centernet", "--camera", "street", "--seconds", "79", "--pictures", "100"]
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli.main", "--state", str(site.state), *command, "--json"],
        env={name: value for name, value in os.environ.items() if not name.startswith("VEILSIGHT_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_the_people_network_can_be_quantised(site: Paths, quantised: dict[str, object], default_models: Path) -> None:
    assert quantised["kept"] is True
    assert quantised["calibration_pictures"] + quantised["held_back_pictures"] == 100  # type: ignore[operator]
    assert min(quantised["recall"], quantised["precision"]) >= 0.99  # type: ignore[type-var]
    new = {path.name for path in site.models.iterdir()} - {path.name for path in default_models.iterdir()}
    assert new == {f"mb3-centernet.int8.{kind}" for kind in ("xml", "bin", "json")}


def test_the_act_is_in_the_audit_log(site: Paths, quantised: dict[str, object]) -> None:
    opened = open_site(site)
    with reading(opened.engine) as connection:
        (entry,) = entries(connection, actions=["network-quantised"])
    opened.engine.dispose()
    assert (entry.event.subject, entry.event.data_class) == ("mb3-centernet", "model")
    assert entry.event.details["calibration"] == quantised["calibration_pictures"]
    assert float(entry.event.details["recall"]) == quantised["recall"]


@pytest.mark.usefixtures("quantised")
def test_it_finds_as_many_of_the_true_people(site: Paths, pets_clip: Path) -> None:
    entry = load_catalogue().pack("default").for_task("people-vehicles")
    assert entry is not None
    files = read_quantised(entry, site.models)
    assert files is not None
    core = ov.Core()
    models = [core.read_model(read_network(entry, site.models).model), core.read_model(files.model, files.weights)]
    numbered = list(every_25th_frame(pets_clip))
    truth = true_people(pets_clip)
    found, matched = [0, 0], [0, 0]
    for version, model in enumerate(models):
        pictures = detect(core, entry, model, [fit(image, entry.input) for _, image in numbered], "f32")
        for (number, _), detections in zip(numbered, pictures, strict=True):
            people = [list(each.box) for each in detections if each.kind == "person" and each.score > SURE]
            matched[version] += count_matches(people, truth[number])
            found[version] += len(people)
    true_boxes = sum(len(truth[number]) for number, _ in numbered)
    assert matched[1] / true_boxes >= matched[0] / true_boxes - 0.02
    assert matched[1] / found[1] >= matched[0] / found[0] - 0.02
