"""The schema: made by the migrations alone, and the same as the program's own tables."""

import signal
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from appliance.resources import find_resource
from appliance.settings import Paths
from appliance.storage import cameras, keys
from appliance.storage.database import create_database, reading
from appliance.storage.migration import NewerSchema, SchemaOutdated, check_schema, migrate, migrate_with
from appliance.storage.site import Site, SiteIncomplete, create_site, open_site
from appliance.storage.tables import metadata

REVISIONS = tuple(sorted(path.name[:4] for path in (find_resource("migrations") / "versions").glob("[0-9]*.py")))


def new_database(paths: Paths) -> Engine:
    """An empty database with its key."""
    keys.create_vault(paths)
    return create_database(paths.database, keys.load_database_key(paths))


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_migrations_make_the_programs_tables(site: Site) -> None:
    with reading(site.engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_a_second_migration_does_nothing(site: Site) -> None:
    assert migrate(site.engine) == ()
    check_schema(site.engine)


def test_a_second_set_up_keeps_the_site(site: Site, paths: Paths) -> None:
    again, applied = create_site(paths)
    assert applied == ()
    assert again.identifier == site.identifier == open_site(paths).identifier


def test_an_empty_database_is_out_of_date_until_it_is_migrated(paths: Paths) -> None:
    engine = new_database(paths)
    with pytest.raises(SchemaOutdated, match="db migrate"):
        check_schema(engine)
    assert migrate(engine) == REVISIONS
    check_schema(engine)


def test_a_set_up_that_was_broken_off_says_so_and_is_finished_by_the_next(site: Site, paths: Paths) -> None:
    with site.engine.begin() as connection:
        connection.execute(text("DELETE FROM site"))
    with pytest.raises(SiteIncomplete, match="veilsight setup"):
        open_site(paths)
    assert create_site(paths)[0].identifier == open_site(paths).identifier != site.identifier


def test_a_newer_schema_is_one_sentence_and_stays_as_it_is(site: Site, paths: Paths) -> None:
    with site.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (lambda: open_site(paths), lambda: create_site(paths), lambda: migrate(site.engine)):
        with pytest.raises(NewerSchema, match="9999"):
            attempt()
    with reading(site.engine) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_a_migration_that_is_killed_leaves_the_old_schema(paths: Paths) -> None:
    engine = new_database(paths)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE older (value INTEGER)"))
    command = [sys.executable, "-m", "tests.storage.processes", "killed while migrating", str(paths.state)]
    assert subprocess.run(command, timeout=60, check=False).returncode == -signal.SIGKILL
    with reading(engine) as connection:
        assert inspect(connection).get_table_names() == ["older"]
    with pytest.raises(SchemaOutdated):
        check_schema(engine)
    assert migrate(engine) == REVISIONS
    check_schema(engine)


def test_a_migration_that_fails_leaves_the_old_schema(paths: Paths) -> None:
    engine = new_database(paths)
    with engine.begin() as connection:
        # The last table of the first revision is in its way.
        connection.execute(text("CREATE TABLE audit_checkpoint (size INTEGER)"))
    with pytest.raises(Exception, match="audit_checkpoint already exists"):
        migrate(engine)
    with reading(engine) as connection:
        assert inspect(connection).get_table_names() == ["audit_checkpoint"]


def test_cameras_of_the_first_schema_are_kept(paths: Paths) -> None:
    engine = new_database(paths)
    with engine.begin() as connection:
        migrate_with(connection, "0001")
        connection.execute(
            text("INSERT INTO camera VALUES ('door', 'rtsp://10.0.0.1/', '', '', 0, 0, '[]', '[]', 1790000000)")
        )
    with pytest.raises(SchemaOutdated):
        check_schema(engine)
    assert migrate(engine) == REVISIONS[1:]
    with reading(engine) as connection:
        assert cameras.need(connection, "door") == cameras.Camera("door", "rtsp://10.0.0.1/")
