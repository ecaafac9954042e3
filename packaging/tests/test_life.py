"""One store's life: set up from its file, installed anew, updated with kills half-way, and its programs killed at will.

Each root is a machine of its own. The tests build on one another in the order in which they stand.
"""

import datetime
import json
import os
import random
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from roots import CLIP, ENTER_CHROOT, PASSWORD, UNSHARE, BootedRoot, Root, booted, environment, fresh_root

UNITS = ("veilsight-engine.service", "veilsight-web.service", "veilsight-courier.service")
PYTHON = "/opt/veilsight/venv/bin/python3"
STATE = "/var/lib/veilsight"
FILE = "/etc/veilsight/site.toml"
KILLS = int(os.environ.get("VEILSIGHT_KILLS") or 50)
MORE_CAMERAS = ("till", "gate")
CAMERAS = ("footpath", *MORE_CAMERAS)
UPDATE_KILLS = 4
BUCKET_SECONDS = 300
# Each installs a package several times, the last one starts and kills for minutes.
pytestmark = pytest.mark.timeout(3600)
SITE = """
[site]
name = "Store 7"
timezone = "Europe/Paris"

[analysis]
bucket_minutes = 5

[anonymity]
mode = "off"
reason = "Counts are compared before and after power cuts"

[[destinations]]
name = "head-office"
folder = "/srv/reports"

[[users]]
name = "anna"
role = "administrator"
password = "sulphur-otter-92"

[[users]]
name = "tom"
role = "manager"

[[cameras]]
name = "footpath"
source = "/srv/clip.avi"
loop = true
realtime = true
rate = 5

[[cameras.lines]]
name = "door"
points = [[0.45, 0.25], [0.45, 0.95]]
"""


@pytest.fixture(scope="module")
def store(package: Path, clip: Path) -> Iterator[Root]:
    with fresh_root() as root:
        root.add(clip, CLIP)
        root.add(package, "/root/veilsight.deb")
        root.run("apt-get", "update", "-qq")
        root.run("install", "-d", "/etc/veilsight")
        yield root


@pytest.fixture(scope="module")
def older(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """A root with an earlier version and data: `$VEILSIGHT_PREVIOUS_DEB`, else this version with a lower number."""
    with fresh_root() as root:
        given = os.environ.get("VEILSIGHT_PREVIOUS_DEB")
        previous = Path(given) if given else with_version(package, "0.0.1", tmp_path_factory.mktemp("older"))
        root.add(previous, "/root/previous.deb")
        root.add(package, "/root/veilsight.deb")
        root.run("apt-get", "update", "-qq")
        install(root, "/root/previous.deb")
        yield root


def install(root: Root, package: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return root.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package, check=check)


def with_version(package: Path, version: str, folder: Path) -> Path:
    """The same package with another version, packed quickly."""
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder / "root"], check=True)
    control = folder / "root/DEBIAN/control"
    lines = control.read_text(encoding="utf-8").splitlines()
    changed = [f"Version: {version}" if line.startswith("Version:") else line for line in lines]
    control.write_text("\n".join(changed) + "\n", encoding="utf-8")
    target = folder / f"veilsight_{version}_amd64.deb"
    pack: list[str | Path] = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "--build", folder / "root", target]
    subprocess.run(pack, check=True, stdout=subprocess.DEVNULL)
    return target


def write_site_file(root: Root, text: str) -> None:
    path = root.path / FILE.lstrip("/")
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def inventory(root: Root) -> dict[str, Any]:
    root.add(Path(__file__).with_name("inventory.py"), "/root/inventory.py")
    places = ("VEILSIGHT_STATE=/var/lib/veilsight", "VEILSIGHT_SETTINGS=/etc/veilsight/settings.toml")
    found: dict[str, Any] = json.loads(root.run("env", *places, PYTHON, "/root/inventory.py").stdout)
    return found


def wrong_findings(root: Root) -> list[str]:
    findings = json.loads(root.run("veilsight", "doctor", "--json", check=False).stdout)
    return [f"{each['check']}: {each['text']}" for each in findings if each["state"] == "wrong"]


def test_a_wrong_site_file_stops_the_installation_with_its_line(store: Root) -> None:
    write_site_file(store, SITE.replace("rate = 5", "rate = 500"))
    done = install(store, "/root/veilsight.deb", check=False)
    assert done.returncode != 0
    assert "site.toml, line 31, cameras[0].rate: A camera can't be analysed 500 times a second" in (
        done.stdout + done.stderr
    )
    assert store.run("ls", f"{STATE}/database/veilsight.db", check=False).returncode != 0


def test_a_mended_file_sets_the_store_up(store: Root) -> None:
    write_site_file(store, SITE)
    done = store.run("dpkg", "--configure", "--pending")
    assert "added: user anna" in done.stdout
    assert "added: camera footpath" in done.stdout
    # Only the password that the file does not give is shown.
    assert len(PASSWORD.findall(done.stdout)) == 1
    assert "sulphur" not in done.stdout
    users = json.loads(store.run("veilsight", "user", "list", "--json").stdout)
    assert {user["name"]: user["role"] for user in users} == {"anna": "administrator", "tom": "manager"}
    cameras = json.loads(store.run("veilsight", "camera", "list", "--json").stdout)
    assert [(camera["name"], camera["lines"]) for camera in cameras] == [
        ("footpath", {"door": [0.45, 0.25, 0.45, 0.95]})
    ]
    assert wrong_findings(store) == []


def test_the_store_is_exported_as_it_was_described(store: Root) -> None:
    exported = tomllib.loads(store.run("veilsight", "site", "export").stdout)
    described = tomllib.loads(SITE)
    del described["users"][0]["password"]
    assert exported == described
    store.run("veilsight", "site", "check", FILE)


def test_installing_again_after_a_removal_goes_on_where_it_stopped(store: Root) -> None:
    before = inventory(store)
    store.run("veilsight", "camera", "edit", "footpath", "--rate", "6")
    store.run("dpkg", "--remove", "veilsight")
    assert store.run("ls", "/opt/veilsight", check=False).returncode != 0
    done = install(store, "/root/veilsight.deb")
    assert "password" not in done.stdout
    after = inventory(store)
    assert after["identifier"] == before["identifier"]
    assert after["entries"].items() >= before["entries"].items()
    # What was changed since the site's file was applied stays changed.
    (camera,) = json.loads(store.run("veilsight", "camera", "list", "--json").stdout)
    assert camera["rate"] == 6
    assert wrong_findings(store) == []


def test_a_backup_is_put_back_on_another_machine(store: Root, older: Root) -> None:
    enough = "a passphrase for the test"
    with_words = ("sh", "-c", f"echo '{enough}' | veilsight db \"$@\"", "sh")
    store.run(*with_words, "backup", "/srv/site.backup", "--backup-passphrase-fd=0")
    older.add(store.path / "srv/site.backup", "/srv/site.backup")
    if os.environ.get("VEILSIGHT_PREVIOUS_DEB"):
        pytest.skip("an earlier version can't read this version's backup")
    done = older.run(*with_words, "restore", "/srv/site.backup", "--backup-passphrase-fd=0", "--yes")
    assert "another site's" in done.stdout
    older.run("veilsight", "setup", "--protect=credential")
    assert inventory(older)["entries"].items() >= inventory(store)["entries"].items()
    assert "footpath" in older.run("veilsight", "camera", "list").stdout
    older.run("veilsight", "audit", "verify")
    mode = older.run("stat", "--format=%G %a", f"{STATE}/database/veilsight.db").stdout.split()
    assert mode == ["veilsight", "660"]


def test_programs_that_hang_are_started_anew(store: Root) -> None:
    """All three at once, each with a shorter time to give a sign of life."""
    with booted(store) as system:
        start_all(system, wait=True)
        before = [system.property(unit, "MainPID") for unit in UNITS]
        for unit in UNITS:
            drop_in = f"/run/systemd/system/{unit}.d"
            write = (
                f"mkdir -p {drop_in} && printf '[Service]\\nWatchdogSec=10\\nRestartSec=0\\n' >{drop_in}/99-test.conf"
            )
            system.run("sh", "-c", write)
        system.run("systemctl", "daemon-reload")
        system.run("systemctl", "restart", *UNITS)
        hung = [system.property(unit, "MainPID") for unit in UNITS]
        assert not set(hung) & set(before)
        system.run("sh", "-c", f"kill -STOP {' '.join(hung)}")
        for unit, process in zip(UNITS, hung, strict=True):
            other = f'p=$(systemctl show --value --property=MainPID {unit}); [ "$p" != 0 ] && [ "$p" != {process} ]'
            system.run("timeout", "120", "sh", "-c", f"until {other}; do sleep 0.2; done")
            assert "watchdog" in system.run("journalctl", "--no-pager", f"--unit={unit}").stdout.lower(), unit


def test_an_update_that_is_killed_half_way_is_finished_and_keeps_the_data(older: Root, clip: Path) -> None:
    older.add(clip, CLIP)
    older.run("veilsight", "camera", "add", "kept", CLIP, "--loop", "--realtime", "--line", "door=0.45,0.25,0.45,0.95")
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    older.run("veilsight", "report", "build", "--from", day, "--to", day)
    settings = older.path / "etc/veilsight/settings.toml"
    with settings.open("a", encoding="utf-8") as file:
        file.write('\n[[destinations]]\nname = "kept"\nfolder = "/srv/reports"\n')
    told = settings.read_text(encoding="utf-8")
    before = inventory(older)
    began = time.monotonic()
    killed = 0
    for part in range(UPDATE_KILLS):
        # Once it is known how long it takes: in each part of it. Before that, early.
        seconds = 4.0 + part * (time.monotonic() - began) / UPDATE_KILLS / 2
        killed += run_and_kill(older, seconds, "dpkg", "--install", "/root/veilsight.deb")
        # As after a power cut: what can be configured is, and the same command again does the rest.
        older.run("dpkg", "--configure", "--pending", check=False)
        began = time.monotonic()
        older.run("dpkg", "--install", "/root/veilsight.deb")
        after = inventory(older)
        for what in ("entries", "reports", "files"):
            assert after[what].items() >= before[what].items(), what
        assert after["identifier"] == before["identifier"]
        assert after["counts"] == before["counts"]
        assert settings.read_text(encoding="utf-8") == told
        assert wrong_findings(older) == []
        older.run("veilsight", "audit", "verify")
    assert killed >= UPDATE_KILLS - 1


def run_and_kill(root: Root, seconds: float, *command: str) -> bool:
    """Begin a command and kill it with all that it started, as a power cut would; whether it had not ended before."""
    enter: Sequence[str] = [*UNSHARE, "--mount", "--pid", "sh", "-euc", ENTER_CHROOT, "sh", str(root.path), *command]
    process = subprocess.Popen(
        enter, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def test_no_kill_loses_or_doubles_a_count_an_entry_or_a_report(
    store: Root, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """All three programs are killed at random moments, and every eighth time the whole machine loses power.

    `VEILSIGHT_KILLS` says how often. A bucket lasts five minutes: the longer the run, the more of them end meanwhile.
    What is open at a power cut is lost up to then, as the README says, since it is kept in memory alone.
    """
    store.run("install", "-d", "-o", "veilsight-courier", "/srv/reports")
    for name in MORE_CAMERAS:
        door = ("--line", "door=0.45,0.25,0.45,0.95")
        store.run("veilsight", "camera", "add", name, CLIP, "--loop", "--realtime", "--rate", "2", *door)
    chosen = random.Random(4711)  # noqa: S311 - moments, not secrets
    before, first, ready = inventory(store), 0, 0
    left, lost = KILLS, set[int]()
    while left:
        with booted(store) as system:
            last, ready = ready, start_all(system, wait=True)
            first = first or ready
            # Buckets that a power cut may have taken whole: not stored when it came, and hardly watched after it.
            lost |= buckets(last or ready, ready + 60)
            for number in range(min(8, left)):
                left -= 1
                # Often while it works, sometimes while it starts.
                if number and chosen.random() < 0.7:
                    ready = start_all(system, wait=True)
                elif number:
                    start_all(system)
                before = compared(before, inventory(system))
                kill_at_random(system, chosen)
            # Leaving kills systemd and everything else at once.
            start_all(system)
            time.sleep(chosen.uniform(1, 6))
    with booted(store) as system:
        last, ready = ready, start_all(system, wait=True)
        lost |= buckets(last, ready + 60)
        after = compared(before, inventory(system))
        # One report at least is not killed.
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        system.run("veilsight", "report", "build", "--from", day, "--to", day)
        delivered = "ls /srv/reports/*.pdf.sig && veilsight destination list | grep -q ' 0 waiting'"
        system.run("timeout", "240", "sh", "-c", f"until {delivered}; do sleep 0.5; done")
        system.run("veilsight", "audit", "verify")
        end = time.monotonic() + 3 * BUCKET_SECONDS
        while min(len(watched_seconds(after, each, first)) for each in CAMERAS) < 2 and time.monotonic() < end:
            time.sleep(5)
            after = compared(after, inventory(system))
        # Each bucket that is over is stored soon.
        now = int(time.time())
        over = buckets(first + 60, now)
        while any(over - lost - set(watched_seconds(after, each, first)) for each in CAMERAS):
            assert time.time() < now + 60, (over, lost, after["counts"])
            after = compared(after, inventory(system))
    check_whole(after, first)
    record_testsuite_property("stored buckets", sum(len(watched_seconds(after, each, first)) for each in CAMERAS))
    record_testsuite_property("reports", len(after["reports"]))
    record_testsuite_property("entries", len(after["entries"]))


def buckets(since: int, until: int) -> set[int]:
    """The buckets from the one in which `since` lies, up to, and without, the one in which `until` lies."""
    return set(range(bucket(since), bucket(until), BUCKET_SECONDS))


def bucket(moment: float) -> int:
    """The beginning of the bucket that the moment lies in."""
    return int(moment // BUCKET_SECONDS) * BUCKET_SECONDS


def start_all(system: BootedRoot, wait: bool = False) -> int:
    """Begin to start the programs; with `wait`, until they say that they are ready. Returns the time."""
    system.run("systemctl", "reset-failed", *UNITS, check=False)
    if wait:
        # Where systemd has not seen yet that a program was killed, starting it ends with that.
        again = f"until systemctl start veilsight.target {' '.join(UNITS)}; do sleep 0.5; done"
        system.run("timeout", "240", "sh", "-c", again)
    else:
        system.run("systemctl", "start", "--no-block", "veilsight.target", *UNITS)
    return int(time.time())


def kill_at_random(system: BootedRoot, chosen: random.Random) -> None:
    """Begin a report at some moment, and kill all at another: where a bucket's end is near, while it is stored."""
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    time.sleep(chosen.uniform(0, 4))
    if chosen.random() < 0.5:
        report = ("/usr/bin/veilsight", "report", "build", "--from", day, "--to", day)
        system.run("systemd-run", "--quiet", "--unit=report", "--collect", *report, check=False)
    to_end = BUCKET_SECONDS - time.time() % BUCKET_SECONDS
    time.sleep(to_end + chosen.uniform(0, 1) if to_end < 12 else chosen.uniform(0, 5))
    system.run("systemctl", "kill", "--signal=KILL", *UNITS)
    system.run("systemctl", "kill", "--signal=KILL", "report.service", check=False)


def compared(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What was there is there, unchanged; returns `after`."""
    for what in ("entries", "reports", "files"):
        assert after[what].items() >= before[what].items(), what
    numbers = [int(number) for number in after["entries"]]
    assert numbers == list(range(len(numbers)))
    stored = {tuple(row[:-1]): row[-1] for row in after["counts"]}
    assert len(stored) == len(after["counts"])
    now = time.time()
    for *key, value in before["counts"]:
        if key[0] + key[1] < now - BUCKET_SECONDS:
            # The bucket had long been over: it is never touched again.
            assert stored[tuple(key)] == value, key
        assert tuple(key) in stored, key
    return after


def check_whole(found: dict[str, Any], since: int) -> None:
    """No stored bucket was watched for longer than it lasts; each report is there, in the log once, and delivered."""
    for camera in CAMERAS:
        watched = watched_seconds(found, camera, since)
        assert len(watched) >= 2, camera
        assert all(0 <= seconds <= BUCKET_SECONDS + 1 for seconds in watched.values()), watched
        assert sum(row[-1] for row in found["counts"] if row[2:4] == [camera, "crossings"]) > 0, camera
    assert found["reports"]
    assert sorted(found["reports"]) == sorted(found["reports_in_log"])
    assert found["reports"].items() <= found["files"].items()
    assert found["delivered"].items() >= found["reports"].items()


def watched_seconds(found: dict[str, Any], camera: str, since: int) -> dict[int, float]:
    """For how long the camera was watched, by the beginning of the bucket; from the one in which `since` lies."""
    wanted = [camera, "observed_seconds"]
    return {row[0]: row[-1] for row in found["counts"] if row[2:4] == wanted and row[0] >= bucket(since)}
