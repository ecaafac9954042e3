"""Counting on a real clip with the default networks, against hand-made ground truth."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.metrics.geometry import parse_line
from benchmarks.accuracy import measure
from benchmarks.counting import LINES
from benchmarks.ground_truth import ground_truth_counts, read_tracks

ZONE = "path=0.3,0.3,0.7,0.3,0.7,0.9,0.3,0.9"
LAWN = "lawn=0.7,0.3,1,0.3,1,0.9,0.7,0.9"


@dataclass(frozen=True)
class Run:
    """What `veilsight count` printed and wrote."""

    counts: Mapping[str, Any]
    standard_error: str
    tracks: Path


@pytest.fixture(scope="module")
def run_on_pets(pets_clip: Path, default_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("count")
    tracks = folder / "tracks.txt"
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(folder), "count", str(pets_clip), "--json"]
    command += [
        "--tracks",
        str(tracks),
        "--zone",
        ZONE,
        "--zone",
        LAWN,
        *(part for line in LINES for part in ("--line", line)),
    ]
    command += ["--queue", "path", "--heat-map"]
    environment = os.environ | {"VEILSIGHT_MODELS": str(default_models)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=True)
    return Run(json.loads(done.stdout), done.stderr, tracks)


def test_the_counts_differ_from_the_truth_by_at_most_8_percent(run_on_pets: Run, evaluation_data: Path) -> None:
    lines = [parse_line(text) for text in LINES]
    truth = ground_truth_counts(evaluation_data / "pets09-s2l1" / "gt.txt", lines, (768, 576))
    counted = {line.name: run_on_pets.counts["lines"][line.name]["person"] for line in lines}
    errors = [
        abs(counted[name][direction] - true)
        for name, ways in truth.items()
        for direction, true in zip(("in", "out"), ways, strict=True)
    ]
    crossings = sum(sum(ways) for ways in truth.values())
    assert crossings > 100
    assert sum(errors) <= 0.08 * crossings


def test_every_frame_was_analysed_and_no_vehicle_seen(run_on_pets: Run) -> None:
    assert run_on_pets.counts["frames"] == 795
    assert run_on_pets.counts["seconds"] == pytest.approx(79.5)
    assert all(line["vehicle"] == {"in": 0, "out": 0} for line in run_on_pets.counts["lines"].values())


@pytest.fixture(scope="module")
def run_on_cars(
    evaluation_data: Path, default_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Any]:
    """Cars seen from above, of which the network finds few; whole frames are the zone."""
    clip, folder = evaluation_data / "clips" / "car-detection.mp4", tmp_path_factory.mktemp("cars")
    lines = [f"level-{number}=0,0.{number},1,0.{number}" for number in range(1, 10)]
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(folder), "count", str(clip), "--json"]
    command += [*(part for line in lines for part in ("--line", line)), "--zone", "all=0,0,1,0,1,1,0,1"]
    environment = os.environ | {"VEILSIGHT_MODELS": str(default_models)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=True)
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def test_labels_add_up_to_the_vehicles(run_on_pets: Run, run_on_cars: Mapping[str, Any]) -> None:
    assert run_on_cars["vehicles"]["all"]["entered"] > 0
    for counts in (run_on_pets.counts, run_on_cars):
        assert counts["labels"].keys() == counts["lines"].keys()
        for line, labels in counts["labels"].items():
            for way, number in counts["lines"][line]["vehicle"].items():
                assert sum(ways[way] for ways in labels.values()) == number


def test_the_zone_agrees_with_itself(run_on_pets: Run) -> None:
    person = run_on_pets.counts["zones"]["path"]["person"]
    assert person["visits"] >= 10
    assert 0 < person["occupancy_mean"] < person["occupancy_maximum"]
    # Everybody's time inside, counted in two ways.
    assert person["occupancy_mean"] * run_on_pets.counts["seconds"] == pytest.approx(
        person["visits"] * person["dwell_mean_seconds"], rel=0.01
    )
    assert run_on_pets.counts["zones"]["path"]["vehicle"]["dwell_mean_seconds"] is None


def test_every_visit_is_in_one_bin_and_a_queue_says_the_same_as_its_zone(run_on_pets: Run) -> None:
    person, queue = run_on_pets.counts["zones"]["path"]["person"], run_on_pets.counts["queues"]["path"]
    assert sum(person["dwell"].values()) == person["visits"]
    assert queue["waits"] == person["dwell"]
    assert (queue["length_mean"], queue["wait_mean_seconds"]) == (
        person["occupancy_mean"],
        person["dwell_mean_seconds"],
    )


def test_people_walk_from_zone_to_zone(run_on_pets: Run) -> None:
    flows = run_on_pets.counts["flows"]
    assert flows.keys() == {"path>lawn", "lawn>path"}
    assert all(flows.values())
    visits = {name: zone["person"]["visits"] for name, zone in run_on_pets.counts["zones"].items()}
    assert flows["path>lawn"] <= visits["lawn"]
    assert flows["lawn>path"] <= visits["path"]


def test_the_heat_map_holds_everybodys_time(run_on_pets: Run, evaluation_data: Path) -> None:
    heat = run_on_pets.counts["heat_map"]
    assert [len(row) for row in heat["seconds"]] == [heat["columns"]] * heat["rows"]
    truth = read_tracks(evaluation_data / "pets09-s2l1" / "gt.txt")
    person_seconds = sum(map(len, truth.values())) / 10
    assert sum(map(sum, heat["seconds"])) == pytest.approx(person_seconds, rel=0.15)
    assert sum(heat["seconds"][0]) < 0.02 * person_seconds  # nobody stands in the sky


def test_the_speed_is_told_on_standard_error(run_on_pets: Run) -> None:
    assert f"{run_on_pets.counts['frames_per_second']:.1f} frames a second" in run_on_pets.standard_error


def test_tracks_follow_the_ground_truth(run_on_pets: Run, evaluation_data: Path) -> None:
    truth = read_tracks(evaluation_data / "pets09-s2l1" / "gt.txt")
    accuracy = measure(truth, read_tracks(run_on_pets.tracks))
    assert accuracy.mota >= 0.80
    assert accuracy.idf1 >= 0.75


def test_tracks_are_rows_of_the_motchallenge_form(run_on_pets: Run) -> None:
    rows = [line.split(",") for line in run_on_pets.tracks.read_text().splitlines()]
    assert all(len(row) == 10 and row[7:] == ["-1", "-1", "-1"] for row in rows)
    frames = [int(row[0]) for row in rows]
    assert frames == sorted(frames)
    assert min(frames) == 1
    assert max(frames) <= 795
    assert {int(row[1]) for row in rows} == set(range(1, 1 + len({row[1] for row in rows})))
