"""Opening a site's database: what every program and command begins with."""

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine, select
from sqlalchemy.dialects.sqlite import insert

from appliance.errors import VeilsightError
from appliance.settings import Paths
from appliance.storage import keys, legacy_keys
from appliance.storage.database import DatabaseDamaged, WrongKey, connect, create_database, open_database, reading
from appliance.storage.migration import check_schema, migrate
from appliance.storage.tables import site as site_table
from appliance.storage.vault import DatabaseKey, Protection

IDENTIFIER = "identifier"


class SiteIncomplete(VeilsightError):
    """Setting the site up was broken off."""


@dataclass(frozen=True)
class Site:
    """An open site. `identifier` is random and made once; `origin` names its audit log in checkpoints."""

    engine: Engine
    identifier: str
    public_key: Ed25519PublicKey

    @property
    def origin(self) -> str:
        return f"veilsight.local/{self.identifier}"


def open_site(paths: Paths) -> Site:
    """Open a site that was set up. Raises a `VeilsightError` that says what is missing, damaged or out of date."""
    engine = open_with(paths)
    check_schema(engine)
    return site_of(engine, paths)


def open_with(paths: Paths) -> Engine:
    """Open the site's database, whatever its schema, with the key of the vault that fits. Raises a `VeilsightError`."""
    return open_database(paths.database, fitting_key(paths, keys.load_database_keys(paths)))


def fitting_key(paths: Paths, candidates: Sequence[DatabaseKey], sole: bool = False) -> DatabaseKey:
    """The one of these keys that opens the database; there are two where changing it was broken off.

    Raises what `open_database` raises.
    """
    for key in candidates[:-1]:
        with suppress(WrongKey, DatabaseDamaged):
            connect(paths.database, key, sole).close()
            return key
    connect(paths.database, candidates[-1], sole).close()
    return candidates[-1]


def site_of(engine: Engine, paths: Paths) -> Site:
    """The site whose database is open already."""
    with reading(engine) as connection:
        identifier = connection.execute(select(site_table.c.value).where(site_table.c.name == IDENTIFIER)).scalar()
    if identifier is None:
        raise SiteIncomplete("The site was never set up to the end; run `veilsight setup`.")
    return Site(engine, identifier, keys.load_public_key(paths))


def create_site(
    paths: Paths, protection: Protection = "key-file", passphrase: str = ""
) -> tuple[Site, tuple[str, ...]]:
    """Make the keys and the database, each only if it is not there, and bring the schema up to date.

    Keys that an earlier version kept in the clear move into the vault. Returns the site and the names of the migrations
    that ran. A database without its key is never replaced.
    """
    with alone(paths):
        if not paths.vault.exists() and (not paths.database.exists() or _has_legacy_keys(paths)):
            keys.create_vault(paths, protection, passphrase)
        keys.ensure_public_key(paths)
        keys.ensure_credentials(paths)
        if paths.database.exists():
            engine = open_with(paths)
        else:
            engine = create_database(paths.database, keys.load_database_key(paths))
        applied = migrate(engine)
        with engine.begin() as connection:
            values = {"name": IDENTIFIER, "value": secrets.token_hex(8)}
            connection.execute(insert(site_table).values(**values).on_conflict_do_nothing())
        site = site_of(engine, paths)
        # The vault's key has opened the database, and the vault signs as before.
        if keys.load_signing_key(paths).public_key() == site.public_key:
            legacy_keys.remove(paths)
    return site, applied


@contextmanager
def alone(paths: Paths) -> Iterator[None]:
    """Hold the state directory's lock, so that programs that start at once make one set of keys."""
    paths.state.mkdir(parents=True, exist_ok=True)
    directory = os.open(paths.state, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _has_legacy_keys(paths: Paths) -> bool:
    return all(legacy_keys.find(paths, name) for name in (legacy_keys.DATABASE_KEY, legacy_keys.SIGNING_KEY))
