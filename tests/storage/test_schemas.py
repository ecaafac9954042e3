"""A kept database of each schema that ever landed comes to this version's schema with everything it held."""

import os
import random
import resource
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, func, select, text

from appliance.audit.log import entries, root
from appliance.resources import find_resource
from appliance.storage import cameras, measurements, users
from appliance.storage.database import DatabaseUnwritable, open_database, reading
from appliance.storage.migration import check_schema, migrate, migrate_with
from appliance.storage.tables import delivery, hour_sum, measurement, metadata, report
from tests.storage.schemas.make import FOLDER, TEST_KEY
from tests.storage.summed import check_sums
from tests.storage.test_rotation import end_after

START = datetime(2026, 10, 23, 22, 30, tzinfo=UTC)
KEPT = sorted(path.stem for path in FOLDER.glob("*.db"))


@pytest.fixture(params=KEPT)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a kept database, since opening one already writes beside it."""
    return Path(shutil.copy(FOLDER / f"{request.param}.db", tmp_path / "veilsight.db"))


def revision(engine: Engine) -> str:
    with reading(engine) as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def test_every_schema_that_landed_is_kept() -> None:
    scripts = find_resource("migrations") / "versions"
    landed = sorted(path.name[:4] for path in scripts.glob("[0-9]*.py"))
    assert landed == KEPT, "run `python -m tests.storage.schemas.make REVISION` for the new one"


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_it_is_migrated_with_everything_it_held(old: Path) -> None:
    engine = open_database(old, TEST_KEY)
    kept = revision(engine)
    with reading(engine) as connection:
        before = root(connection)
    assert migrate(engine) == tuple(KEPT[KEPT.index(kept) + 1 :])
    check_schema(engine)
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        door = cameras.need(connection, "door")
        assert (door.source, door.username, door.password) == ("rtsp://192.0.2.1/", "viewer", "secret")
        assert [line.name for line in door.lines] == ["door"]
        assert (door.enabled, door.transport, door.masks) == (True, "tcp", ())
        (row,) = measurements.read(connection)
        assert (row.camera, row.measure, row.direction, row.value) == ("door", "crossings", "in", 7.0)
        assert [(user.name, user.role) for user in users.list_users(connection)] == [("anna", "administrator")]
        assert connection.execute(select(report.c.name)).scalars().all() == ["2026-09"]
        assert connection.execute(select(delivery.c.destination)).scalars().all() == ["head-office"]
        assert [entry.event.subject for entry in entries(connection)] == ["anna", "door"]
        assert root(connection) == before
        check_sums(connection)
    engine.dispose()


@pytest.mark.parametrize("is_killed", [False, True])
def test_what_was_counted_for_days_is_added_up_by_the_migration(tmp_path: Path, is_killed: bool) -> None:
    old = Path(shutil.copy(FOLDER / "0016.db", tmp_path / "veilsight.db"))
    engine = open_database(old, TEST_KEY)
    numbers = random.Random(7)  # noqa: S311 - made-up counts
    cells = [("crossings", "door"), ("occupancy_seconds", "till"), ("occupancy_maximum", "till"), ("dwell", "till")]
    with engine.begin() as connection:
        for slot in range(300):
            for mode in ("differential", "threshold") if slot % 7 == 0 else ("differential",):
                start = START + slot * timedelta(minutes=15)
                values = {"bucket_start": start, "camera": "door", "kind": "person", "direction": "", "mode": mode}
                values |= {"bucket_seconds": 900, "epsilon": 2.0, "variance": 2.5}
                rows = [values | {"measure": name, "place": at, "value": numbers.randint(-5, 99)} for name, at in cells]
                rows.append(values | {"measure": "observed_seconds", "place": "", "kind": "", "value": 899.5})
                connection.execute(measurement.insert(), rows)
    engine.dispose()
    if is_killed:
        child = os.fork()
        if child == 0:
            end_after(lambda: migrate_and_end(old))
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    engine = open_database(old, TEST_KEY)
    migrate(engine)
    with reading(engine) as connection:
        check_sums(connection)
        assert connection.execute(select(func.count()).select_from(hour_sum)).scalar_one() > 300
    engine.dispose()


def test_killed_while_it_is_migrated_it_keeps_its_schema(old: Path) -> None:
    engine = open_database(old, TEST_KEY)
    before = revision(engine)
    engine.dispose()
    if before == KEPT[-1]:
        return
    child = os.fork()
    if child == 0:
        end_after(lambda: migrate_and_end(old))
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    engine = open_database(old, TEST_KEY)
    assert revision(engine) == before
    migrate(engine)
    check_schema(engine)
    with reading(engine) as connection:
        check_sums(connection)
    engine.dispose()


def migrate_and_end(path: Path) -> None:
    with open_database(path, TEST_KEY).begin() as connection:
        migrate_with(connection)
        os.kill(os.getpid(), signal.SIGKILL)


def test_on_a_full_disk_it_keeps_its_schema(old: Path) -> None:
    engine = open_database(old, TEST_KEY)
    before = revision(engine)
    engine.dispose()
    if before == KEPT[-1]:
        return
    child = os.fork()
    if child == 0:
        end_after(lambda: migrate_on_a_full_disk(old))
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 0
    engine = open_database(old, TEST_KEY)
    assert revision(engine) == before
    migrate(engine)
    check_schema(engine)
    with reading(engine) as connection:
        check_sums(connection)
    engine.dispose()


def migrate_on_a_full_disk(path: Path) -> None:
    """Files can't grow beyond the first pages of the write-ahead log."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    engine = open_database(path, TEST_KEY)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 * 1024, resource.RLIM_INFINITY))
    with pytest.raises(DatabaseUnwritable):
        migrate(engine)
