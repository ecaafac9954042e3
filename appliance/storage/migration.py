"""Brings a database to the schema that this version of the program needs, with Alembic."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection, Engine

from appliance.errors import VeilsightError
from appliance.resources import find_resource
from appliance.storage.database import reading


class NewerSchema(VeilsightError):
    """The database was written by a newer version of the program."""


class SchemaOutdated(VeilsightError):
    """The database still has the schema of an older version."""


def migrate(engine: Engine) -> tuple[str, ...]:
    """Run the migrations that are missing, all in one transaction; return their names, oldest first.

    Raises `NewerSchema` where the database is ahead of the program.
    """
    with engine.begin() as connection:
        return migrate_with(connection)


def migrate_with(connection: Connection, revision: str = "head") -> tuple[str, ...]:
    """`migrate` in the caller's transaction; to an older schema than this program's if `revision` names one."""
    missing = _missing(connection, revision)
    if missing:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return missing


def check_schema(engine: Engine) -> None:
    """Raises `NewerSchema` or `SchemaOutdated` unless the database has exactly the schema of this program."""
    with reading(engine) as connection:
        if _missing(connection):
            raise SchemaOutdated("The database has the schema of an older version; run `veilsight db migrate`.")


def _missing(connection: Connection, revision: str = "head") -> tuple[str, ...]:
    scripts = ScriptDirectory.from_config(_config())
    current = MigrationContext.configure(connection).get_current_revision()
    try:
        steps = list(scripts.iterate_revisions(revision, current))
    except RevisionError as error:
        raise NewerSchema(
            f"The database was written by a newer version (its schema is {current}); install that version again."
        ) from error
    return tuple(step.revision for step in reversed(steps))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(find_resource("migrations")).replace("%", "%%"))
    return config
