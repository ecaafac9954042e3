"""What the doctor makes of the clock, the disk, updates, the certificate, how keys are sealed, and silent cameras."""

import ctypes
import os
import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.services import doctor_machine, machine
from appliance.services.setup import set_up
from appliance.settings import Paths, Settings, Web, find_paths
from appliance.storage.cameras import Camera
from appliance.storage.keys import protect, root_secret
from appliance.storage.vault import read_vault

POLICY = """veilsight:
  Installed: 0.1.0
  Candidate: 0.2.0
  Version table:
     0.2.0 500
        500 {source} Packages
 *** 0.1.0 100
        100 /var/lib/dpkg/status
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths({"HOME": str(tmp_path)}, tmp_path / "state")


def block(folder: Path, name: str, uuid: str = "", below: tuple[str, ...] = ()) -> Path:
    """A block device as the kernel shows it in /sys, on those `below`."""
    device = folder / name
    (device / "slaves").mkdir(parents=True)
    if uuid:
        (device / "dm").mkdir()
        (device / "dm" / "uuid").write_text(uuid + "\n", encoding="ascii")
    for each in below:
        (device / "slaves" / each).symlink_to(folder / each)
    return device


@pytest.mark.parametrize(
    ("top", "encrypted"),
    [
        ("disk", False),
        ("partition", False),
        ("crypt", True),
        ("volume-on-crypt", True),
        ("volume-on-both", False),
        ("crypt-on-volume", True),
    ],
)
def test_a_disk_is_encrypted_where_every_way_down_passes_dm_crypt(tmp_path: Path, top: str, encrypted: bool) -> None:
    block(tmp_path, "disk")
    (tmp_path / "partition").mkdir()
    block(tmp_path, "crypt", "CRYPT-LUKS2-4711-sda3_crypt", ("partition",))
    block(tmp_path, "volume-on-crypt", "LVM-1", ("crypt",))
    block(tmp_path, "volume-on-both", "LVM-2", ("crypt", "disk"))
    block(tmp_path, "crypt-on-volume", "CRYPT-LUKS2-4712-root", ("volume-on-both",))
    device = (tmp_path / "here").mkdir() or (tmp_path / "here").stat().st_dev
    shown = tmp_path / "block"
    shown.mkdir()
    (shown / f"{os.major(device)}:{os.minor(device)}").symlink_to(tmp_path / top)
    assert machine.disk_is_encrypted(tmp_path / "here", shown) is encrypted
    assert machine.disk_is_encrypted(tmp_path / "here", tmp_path / "nothing") is None


def test_the_clock_is_judged_by_the_kernels_own_word() -> None:
    # Whatever this machine's clock is: the answer is the kernel's, and no time passes for it.
    state = ctypes.create_string_buffer(machine.TIMEX_BYTES)
    assert ctypes.CDLL(None).adjtimex(state) >= 0
    error = ctypes.c_long.from_buffer(state, machine.MAXERROR_AT).value
    assert machine.clock_is_synchronised() is (error < machine.LARGEST_ERROR)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("https://packages.example.org bookworm/main amd64", "https://packages.example.org bookworm/main"),
        ("file:/srv/packages ./", "file:/srv/packages ./"),
    ],
)
def test_where_an_update_would_come_from(source: str, found: str) -> None:
    assert machine.source_in(POLICY.format(source=source)) == found
    installed_by_hand = "veilsight:\n  Installed: 0.1.0\n *** 0.1.0 100\n        100 /var/lib/dpkg/status\n"
    assert machine.source_in(installed_by_hand) == ""


def test_each_answer_says_what_to_do() -> None:
    assert [doctor_machine.describe_clock(each).state for each in (True, False, None)] == ["fine", "note", "note"]
    assert "systemd-timesyncd" in doctor_machine.describe_clock(False).text
    assert [doctor_machine.describe_disk(each).state for each in (True, False, None)] == ["fine", "note", "note"]
    assert "systemd-cryptenroll" in doctor_machine.describe_disk(False).text
    told = {each.check: each for each in doctor_machine.describe_updates("", False)}
    assert (told["updates"].state, told["security updates"].state) == ("note", "note")
    assert "apt install ./veilsight" in told["updates"].text
    assert "unattended-upgrades" in told["security updates"].text
    assert [each.state for each in doctor_machine.describe_updates("https://example.org x", True)] == ["fine", "fine"]
    assert [each.check for each in doctor_machine.describe_updates(None, True)] == ["updates"]


def test_a_certificate_is_told_with_its_end(paths: Paths) -> None:
    assert "run `veilsight setup`" in doctor_machine.check_certificate(paths, Settings()).text
    set_up(paths, Settings())
    assert doctor_machine.check_certificate(paths, Settings()).state == "fine"
    later = datetime.now(UTC) + timedelta(days=500)
    ended = doctor_machine.check_certificate(paths, Settings(), later)
    assert (ended.state, "restart the page" in ended.text) == ("wrong", True)
    web = Web(certificate=str(paths.tls / "server.pem"), key=str(paths.tls / "server.key"))
    own = msgspec.structs.replace(Settings(), web=web)
    assert doctor_machine.check_certificate(paths, own).state == "fine"
    soon = datetime.now(UTC) + timedelta(days=380)
    assert doctor_machine.check_certificate(paths, own, soon).state == "note"
    other = msgspec.structs.replace(own, web=msgspec.structs.replace(web, key=str(paths.tls / "authority.key")))
    assert doctor_machine.check_certificate(paths, other).state == "wrong"


def test_keys_sealed_without_a_tpm_are_told(paths: Paths) -> None:
    if shutil.which("systemd-creds") is None or os.getuid():
        pytest.skip("sealing credentials needs systemd-creds and root")
    set_up(paths, Settings())
    assert list(doctor_machine.check_sealing(paths, tpm=False)) == []
    content = read_vault(paths.vault)
    protect(paths, content, root_secret(paths, content), "credential", "")
    if doctor_machine.has_tpm():
        pytest.skip("this machine seals to its TPM")
    (finding,) = doctor_machine.check_sealing(paths, tpm=False)
    assert (finding.state, "no TPM" in finding.text) == ("note", True)
    (finding,) = doctor_machine.check_sealing(paths, tpm=True)
    assert "veilsight db protect credential" in finding.text
    (paths.keys / "vault.key.cred").unlink()
    assert [each.state for each in doctor_machine.check_sealing(paths, tpm=False)] == ["wrong"]


def test_a_camera_is_told_to_be_there_or_not_while_the_engine_is_not_running(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = Camera("there", f"rtsp://127.0.0.1:{server.getsockname()[1]}/")
        away = Camera("away", f"rtsp://127.0.0.1:{free_port}/")
        off = Camera("off", f"rtsp://127.0.0.1:{free_port}/", enabled=False)
        found = list(doctor_machine.check_cameras((there, away, off)))
    assert [(each.check, each.state) for each in found] == [
        *(("camera there", "fine"), ("camera away", "wrong"), ("camera off", "note"))
    ]


def test_too_little_space_is_wrong(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor_machine.check_space(find_paths({"HOME": "/nowhere"}, Path("/nowhere/state"))).state == "wrong"
    paths.state.mkdir(parents=True)
    monkeypatch.setattr(doctor_machine, "LEAST_FREE_BYTES", 1 << 60)
    assert doctor_machine.check_space(paths).state == "wrong"


def test_who_listens_for_files_and_searches_is_told(paths: Paths) -> None:
    paths.run.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(paths.redaction_socket))
        found = {each.check: each.state for each in doctor_machine.check_helpers(paths)}
        assert found == {"redactor": "note", "searcher": "note"}
        server.listen()
        found = {each.check: each.state for each in doctor_machine.check_helpers(paths)}
        assert found == {"redactor": "fine", "searcher": "note"}
