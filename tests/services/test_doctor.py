"""What the doctor makes of the state of NPU and GPU, of cameras and of how counts are kept."""

import os
from pathlib import Path

import pytest

from appliance.services.doctor import (
    check_engine,
    describe_anonymity,
    describe_camera,
    describe_driver,
    describe_memory,
    examine_keys,
)
from appliance.services.engine import Beginning
from appliance.services.open_buckets import file_system
from appliance.services.private_memory import plain_swaps
from appliance.settings import Analysis, Anonymity, find_paths
from appliance.storage.keys import protect, renew_recovery_code, root_secret
from appliance.storage.site import create_site
from appliance.storage.vault import read_vault
from appliance.vision.camera_status import CameraStatus
from appliance.vision.drivers import DriverState
from appliance.vision.live import Hub, LiveServer

ABSENT = DriverState("NPU", present=False, ready=False, state="This machine has no Intel NPU.")
READY = DriverState("NPU", present=True, ready=True, state="The Intel NPU is ready.")
BROKEN = DriverState("NPU", present=True, ready=False, state="A part is missing.", remedy="Install it.")


@pytest.mark.parametrize(
    ("driver", "analysis", "state"),
    [
        (ABSENT, Analysis(), "note"),
        (READY, Analysis(), "fine"),
        (BROKEN, Analysis(), "wrong"),
        (BROKEN, Analysis(devices=("GPU", "CPU")), "note"),
        (BROKEN, Analysis(devices=("CPU",), network_devices={"centerface": ("NPU", "CPU")}), "wrong"),
        (BROKEN, Analysis(devices=("NPU.1", "CPU")), "wrong"),
    ],
)
def test_a_device_is_wrong_where_it_is_there_and_wanted_and_cannot_be_used(
    driver: DriverState, analysis: Analysis, state: str
) -> None:
    finding = describe_driver(driver, analysis)
    assert (finding.check, finding.state) == ("NPU", state)
    assert finding.text == f"{driver.state} {driver.remedy}".strip()


def camera(**changes: object) -> dict[str, object]:
    return CameraStatus("front", target_rate=10).as_json(now=100.0) | changes


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({"state": "streaming", "analysed_rate": 9.8, "input_rate": 10.0}, "fine", "9.8 of 10 frames a second"),
        ({"state": "streaming", "behind": True}, "note", "fewer than the 10 asked for"),
        ({"state": "disabled"}, "note", "disabled"),
        ({"state": "failed", "last_error": "No answer.", "reconnects": 3}, "wrong", "failed: No answer.; 3 reconnects"),
        ({"state": "stalled"}, "wrong", "stalled"),
        ({"state": "streaming", "tampering": "moved", "tampering_words": "elsewhere"}, "wrong", "elsewhere; counts"),
        ({"state": "streaming", "tampering": "dark", "tampering_words": "no light"}, "note", "no light; counts"),
        (
            {"state": "streaming", "delay_to_count": {"p50": 0.0301, "p95": 0.0502, "p99": 0.1}},
            "fine",
            "frame to count 30 / 50 / 100 ms",
        ),
        (
            {"state": "streaming", "codec": "h264", "decoder": "software", "decoder_reason": "there is no GPU"},
            "fine",
            "h264 decoded by software, since there is no GPU",
        ),
    ],
)
def test_a_camera_is_told_with_its_state_rates_and_delays(changes: dict[str, object], state: str, words: str) -> None:
    finding = describe_camera(camera(**changes))
    assert (finding.check, finding.state) == ("camera front", state)
    assert words in finding.text


@pytest.mark.parametrize(
    ("chosen", "state", "said"),
    [
        (Anonymity(), "fine", "differential, epsilon 2"),
        (Anonymity(mode="threshold"), "fine", "threshold, k 5"),
        (Anonymity(mode="off", reason="Counting check"), "note", "Counting check"),
    ],
)
def test_the_mode_of_anonymity_is_told_and_off_is_noted(chosen: Anonymity, state: str, said: str) -> None:
    finding = describe_anonymity(chosen)
    assert (finding.check, finding.state) == ("anonymity", state)
    assert said in finding.text


def test_a_copy_of_open_buckets_that_is_not_in_memory_is_noted() -> None:
    on_disk = describe_memory(find_paths({"VEILSIGHT_RUN": "/proc/none"}))
    assert (on_disk.check, on_disk.state) == ("open buckets", "note")
    in_memory = find_paths({"XDG_RUNTIME_DIR": "/dev/shm"})
    assert describe_memory(in_memory).state == ("fine" if file_system(Path("/dev/shm")) == "tmpfs" else "note")


def test_it_tells_what_opens_the_site_and_whether_memory_reaches_a_disk(tmp_path: Path) -> None:
    paths = find_paths({"HOME": str(tmp_path)}, tmp_path / "state")
    create_site(paths)[0].engine.dispose()
    found = {finding.check: finding for finding in examine_keys(paths)}
    assert found["keys"].state == found["recovery code"].state == "note"
    assert "whoever copies this disk reads the database" in found["keys"].text
    renew_recovery_code(paths)
    content = read_vault(paths.vault)
    protect(paths, content, root_secret(paths, content), "passphrase", "correct horse battery")
    found = {finding.check: finding for finding in examine_keys(paths)}
    assert found["keys"].state == "fine"
    assert "recovery code" not in found


def test_only_swapping_to_a_disk_is_told(tmp_path: Path) -> None:
    swaps = tmp_path / "swaps"
    swaps.write_text("Filename Type Size Used Priority\n/dev/zram0 partition 1 0 1\n/swapfile file 1 0 -2\n")
    assert plain_swaps(swaps) == ("/swapfile",)
    file = tmp_path / "swapfile"
    file.touch()
    swaps.write_text(f"Filename Type Size Used Priority\n{file} file 1 0 -2\n")
    device = file.stat().st_dev
    block = tmp_path / f"{os.major(device)}:{os.minor(device)}" / "dm"
    block.mkdir(parents=True)
    (block / "uuid").write_text("LVM-1\n")
    assert plain_swaps(swaps, tmp_path) == (str(file),)
    (block / "uuid").write_text("CRYPT-LUKS2-4711-swap\n")
    assert plain_swaps(swaps, tmp_path) == ()
    assert plain_swaps(tmp_path / "none") == ()


def test_an_engine_that_makes_its_networks_ready_is_said_to_start(tmp_path: Path) -> None:
    paths = find_paths({"HOME": str(tmp_path)}, tmp_path / "state")
    site, _ = create_site(paths)
    with LiveServer(paths.live_socket, Hub(), Beginning().status):
        (finding,) = check_engine(paths, site)
    site.engine.dispose()
    assert (finding.check, finding.state) == ("engine", "note")
    assert finding.text.startswith("starting")
