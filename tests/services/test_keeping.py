"""The open bucket outlives a crash, and nothing is ever counted twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.audit import log
from appliance.metrics.anonymity import Policy
from appliance.metrics.buckets import Bucket, Measurement
from appliance.metrics.measures import Layout
from appliance.services.keeping import Keeping, policy_of, record_policy, settle
from appliance.services.open_buckets import (
    COPY_SECONDS,
    IN_MEMORY,
    NotInMemory,
    OpenBuckets,
    Part,
    file_system,
    open_copies,
)
from appliance.settings import Anonymity, find_paths
from appliance.storage import measurements
from appliance.storage.database import reading
from appliance.storage.site import Site, create_site, open_site
from tests.services.counting_process import CAMERA, LINE

# Long ago, so that its time is over; a bucket of today would be continued.
LONG_AGO = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
EXACT = Policy("off", 0.0)
MOST_SECONDS_LOST = 5.0
SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture
def memory() -> Iterator[Path]:
    if not SHARED_MEMORY.is_dir() or file_system(SHARED_MEMORY) not in IN_MEMORY:
        pytest.skip("there is no folder in memory")
    folder = Path(tempfile.mkdtemp(dir=SHARED_MEMORY))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    create_site(find_paths({"HOME": str(tmp_path)}, tmp_path / "state"))[0].engine.dispose()
    return tmp_path / "state"


@pytest.fixture
def site(state: Path) -> Iterator[Site]:
    site = open_site(find_paths({"HOME": str(state)}, state))
    yield site
    site.engine.dispose()


def start(job: str, state: Path, memory: Path) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-m", "tests.services.counting_process", job, str(state), str(memory)]
    return subprocess.Popen([*arguments, LONG_AGO.isoformat()], stdout=subprocess.PIPE, text=True)


def said(line: str) -> tuple[int, float]:
    number, moment = line.split()
    return int(number), float(moment)


def crossings(buckets: list[Bucket]) -> int:
    return round(sum(bucket.value("crossings", "door", "person", way) for bucket in buckets for way in ("in", "out")))


def copied(memory: Path) -> int:
    """How many crossings the copy holds, read as a bystander would: the process that writes it may be at work."""
    parts = [part for file in memory.glob("*.json") for part in json.loads(file.read_text())["parts"]]
    return round(sum(value[-1] for part in parts for value in part["values"] if value[0] == "crossings"))


def stored(site: Site) -> int:
    with reading(site.engine) as connection:
        return round(sum(row.value for row in measurements.read(connection, measures=("crossings",))))


def crash_after_a_copy(state: Path, memory: Path, before: int) -> int:
    """Count until a copy holds more than before, end the process, and see what it lost; returns what the copy holds."""
    process = start("count", state, memory)
    assert process.stdout is not None
    told: list[tuple[int, float]] = []
    for line in process.stdout:
        told.append(said(line))
        # A look at the copy costs something, and it changes every few seconds only.
        if told[-1][0] % 10 == 0 and copied(memory) > before:
            break
    process.send_signal(signal.SIGKILL)
    told += [said(line) for line in process.stdout if line.endswith("\n")]
    process.wait()
    process.stdout.close()
    kept = copied(memory) - before
    last = told[-1][1]
    assert kept <= told[-1][0] + 1, "nothing is made up; one may have been counted and not said"
    assert kept >= max((number for number, moment in told if moment <= last - MOST_SECONDS_LOST), default=0)
    return before + kept


def test_a_crash_loses_five_seconds_at_most_and_doubles_nothing(state: Path, memory: Path, site: Site) -> None:
    assert COPY_SECONDS < MOST_SECONDS_LOST
    kept = 0
    for _ in range(2):
        kept = crash_after_a_copy(state, memory, kept)
        assert stored(site) == 0, "nothing of an open bucket reaches the database"
    settle(site, memory)
    settle(site, memory)
    assert stored(site) == kept
    assert not memory.exists(), "nothing is left, not even the folder"


def test_a_crash_between_storing_and_forgetting_doubles_nothing(state: Path, memory: Path, site: Site) -> None:
    process = start("killed after storing", state, memory)
    assert process.wait() == -signal.SIGKILL
    assert process.stdout is not None
    process.stdout.close()
    assert copied(memory) == 3
    assert stored(site) == 3
    with Keeping(site, EXACT, memory) as keeping:
        keeping.tick(datetime.now(UTC))
        counting = keeping.begin(CAMERA, [LINE], [], 900)
        assert counting.parts() == ()
    assert stored(site) == 3


def part(number: int = 1, value: float = 4.0, start: datetime = LONG_AGO, policy: Policy = EXACT) -> Part:
    counted = Measurement(CAMERA, "crossings", "door", "person", "in", value)
    return Part(number, Bucket(CAMERA, start, 900, (counted,)), Layout(("door",)), policy)


def leave(site: Site, memory: Path, *parts: Part) -> None:
    """What a process left behind when it ended."""
    open_copies(site.identifier, memory).put(CAMERA, parts)


def test_a_stop_stores_nothing_and_the_next_start_goes_on(site: Site, memory: Path) -> None:
    now = datetime.now(UTC)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    leave(site, memory, part(start=today))
    with Keeping(site, EXACT, memory) as keeping:
        counting = keeping.begin(CAMERA, [LINE], [], 900)
        assert crossings([each.bucket for each in counting.parts()]) == 4
        keeping.leave(counting)
        keeping.close()
    assert stored(site) == 0
    assert copied(memory) == 4


def test_without_a_folder_in_memory_a_stop_stores_what_there_is(site: Site) -> None:
    with Keeping(site, EXACT, None) as keeping:
        counting = keeping.begin(CAMERA, [LINE], [], 900)
        counting.observe(datetime.now(UTC), 0.0, [], 100, 100)
        keeping.leave(counting)
        keeping.close()
    with reading(site.engine) as connection:
        assert measurements.count_buckets(connection) == 1


def test_a_camera_that_is_gone_has_its_last_bucket_stored_when_it_ends(site: Site, memory: Path) -> None:
    leave(site, memory, part())
    with Keeping(site, EXACT, memory) as keeping:
        keeping.tick(LONG_AGO + timedelta(seconds=899))
        assert stored(site) == 0
        keeping.tick(LONG_AGO + timedelta(seconds=900))
    assert stored(site) == 4
    assert not memory.exists(), "nothing is left, not even the folder"


def test_what_was_left_is_stored_under_the_mode_it_was_counted_in(site: Site, memory: Path) -> None:
    noisy = Policy("differential", 0.5)
    leave(site, memory, part(1), part(2, policy=noisy))
    settle(site, memory)
    with reading(site.engine) as connection:
        found = {(row.mode, row.epsilon, row.variance > 0) for row in measurements.read(connection)}
    assert found == {("off", 0.0, False), ("differential", 0.5, True)}


def test_copies_of_another_site_and_damaged_ones_are_dropped(site: Site, memory: Path) -> None:
    open_copies("another", memory).put(CAMERA, [part()])
    (memory / "damaged.json").write_text("{")
    (memory / ".half.json.tmp").write_text("{")
    settle(site, memory)
    assert stored(site) == 0
    assert not memory.exists(), "nothing is left, not even the folder"


def test_the_copy_is_its_owners_alone(site: Site, memory: Path) -> None:
    leave(site, memory, part())
    (file,) = memory.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_others_can_read_or_that_is_on_a_disk_is_refused(memory: Path, tmp_path: Path) -> None:
    memory.chmod(0o750)
    with pytest.raises(NotInMemory, match="alone"):
        open_copies("site", memory)
    memory.chmod(0o700)
    (memory / "link").symlink_to(memory)
    with pytest.raises(NotInMemory):
        open_copies("site", memory / "link")
    if file_system(tmp_path) not in IN_MEMORY:
        with pytest.raises(NotInMemory, match="tmpfs"):
            open_copies("site", tmp_path / "copies")
    with pytest.raises(NotInMemory, match="No such file"):
        open_copies("site", memory / "none" / "copies")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(memory: Path) -> None:
    os.chown(memory, 65534, 65534)
    with pytest.raises(NotInMemory, match="alone"):
        open_copies("site", memory)


def test_a_copy_comes_back_as_it_was(memory: Path) -> None:
    everything = replace(part(1), layout=Layout(("door",), ("room",), heat=True, labels=True))
    parts = (everything, part(2, 7.0, LONG_AGO + timedelta(minutes=15), Policy("differential", 0.5)))
    open_copies("site", memory).put(CAMERA, parts)
    assert open_copies("site", memory).take(CAMERA) == parts
    assert OpenBuckets("site").take(CAMERA) == ()


def noted(site: Site) -> list[tuple[str, dict[str, str | int]]]:
    with reading(site.engine) as connection:
        entries = log.entries(connection, actions=("anonymity-set",))
        return [(entry.event.subject, dict(entry.event.details)) for entry in entries]


def test_each_change_of_the_mode_is_in_the_audit_log_once(site: Site) -> None:
    off = Anonymity(mode="off", reason="counting check of the installer")
    for chosen in (Anonymity(), Anonymity(), Anonymity(epsilon=1.0), off, off, Anonymity(mode="threshold", k=7)):
        record_policy(site, "engine", chosen)
    assert noted(site) == [
        ("differential", {"epsilon": "2"}),
        ("differential", {"epsilon": "1"}),
        ("off", {"reason": "counting check of the installer"}),
        ("threshold", {"k": 7}),
    ]


def test_epsilon_belongs_to_the_mode_differential_alone() -> None:
    assert policy_of(Anonymity(epsilon=1.5)) == Policy("differential", 1.5)
    assert policy_of(Anonymity(mode="threshold", epsilon=1.5)) == Policy("threshold", 0.0)
