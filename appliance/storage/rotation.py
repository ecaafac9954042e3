"""A new key for the database. At every moment the vault holds the key of the file that lies there."""

from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from appliance.settings import Paths
from appliance.storage import keys, vault
from appliance.storage.copying import NEXT, copy_database, discard, put_in_place, raw_key
from appliance.storage.database import connect, open_database, write_identifiers
from appliance.storage.site import alone, fitting_key
from appliance.storage.sole_use import sole_use
from appliance.storage.vault import DatabaseKey


def rotate_key(paths: Paths, note: Callable[[Connection], None]) -> None:
    """Encrypt the database anew under a new random key; `note` writes that down in the new file's first transaction.

    The vault first gets the new key beside the old one, then the copy takes the database's place, then the old key
    goes. Killed at any point, the database opens with one of the two, and the next call begins afresh. Needs as much
    free space as the database has. Raises `DatabaseInUse`, `DatabaseUnwritable`, `DatabaseDamaged` and `KeyUnusable`.
    """
    with alone(paths), sole_use(paths.database):
        content, part = keys.open_database_part(paths)
        present = fitting_key(paths, vault.database_keys(content, part), sole=True)
        _gather(paths, present)
        new = DatabaseKey(vault.new_secret())
        sealed_new, sealed_present = (vault.seal_database_key(part, key) for key in (new, present))
        vault.write_vault(paths.vault, msgspec.structs.replace(content, database_keys=(sealed_new, sealed_present)))
        write_identifiers(paths.database, [new, present])
        copy = paths.database.with_name(paths.database.name + NEXT)
        try:
            copy_database(paths.database, raw_key(present), copy, raw_key(new))
            engine = open_database(copy, new, sole=True)
            with engine.begin() as connection:
                note(connection)
            engine.dispose()
            put_in_place(copy, paths.database)
        finally:
            discard(copy)
        vault.write_vault(paths.vault, msgspec.structs.replace(content, database_keys=(sealed_new,)))
        write_identifiers(paths.database, [new])


def _gather(paths: Paths, key: DatabaseKey) -> None:
    """Let everything that was written stand in the file itself, with no write-ahead log beside it."""
    connection = connect(paths.database, key, sole=True)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
    finally:
        connection.close()
