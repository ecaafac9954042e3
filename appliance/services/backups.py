"""Backups of a site in one file, and putting one back.

A backup is the whole database, copied while the programs run, with the site's signing key in a table of its own; all of
it is encrypted under the backup's own passphrase. SQLCipher 4 opens it with that passphrase and nothing else, so that
a backup can be read where there is no Veilsight.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DatabaseError

from appliance.audit import log
from appliance.audit.log import Event, append
from appliance.audit.verification import verify
from appliance.errors import UsageError, VeilsightError
from appliance.settings import Paths
from appliance.storage import keys
from appliance.storage.copying import (
    NEXT,
    NOTE,
    CopyUnusable,
    copy_database,
    discard,
    put_in_place,
    raw_key,
    read_note,
    sync,
)
from appliance.storage.database import open_database, reading, write_identifiers
from appliance.storage.migration import migrate_with
from appliance.storage.rotation import rotate_key
from appliance.storage.site import IDENTIFIER, alone, fitting_key, open_site
from appliance.storage.sole_use import sole_use
from appliance.storage.tables import camera, measurement, report, user
from appliance.storage.tables import site as site_table
from appliance.storage.vault import DatabaseKey, check_passphrase


class BackupExists(UsageError):
    """The name that the backup is to have can't be used."""


@dataclass(frozen=True)
class Content:
    """What a database holds, for comparison."""

    identifier: str
    entries: int
    counts: int
    newest: datetime | None
    names: dict[str, frozenset[str]]


@dataclass(frozen=True)
class Prepared:
    """A backup that was verified and lies ready. `losses` says in sentences what putting it back would lose."""

    made: str
    entries: int
    losses: tuple[str, ...]


def change_database_key(paths: Paths, actor: str) -> None:
    """Encrypt the database anew under a new random key. Errors as in `rotate_key`."""
    rotate_key(paths, lambda connection: _write(connection, Event(actor, "key-changed", "database key")))


def back_up(paths: Paths, target: Path, passphrase: str, actor: str, now: datetime | None = None) -> None:
    """Write a backup to a new file, while the programs run. It holds one state of the database, its own entry too.

    Raises `BackupExists`, `PassphraseTooShort` and what `copy_database` raises.
    """
    check_passphrase(passphrase)
    target = target.absolute()
    if target.exists() or not target.parent.is_dir():
        raise BackupExists(f"The backup can't be written to {target}: choose a new name in a folder that is there.")
    now = now or datetime.now(UTC)
    site = open_site(paths)
    note = {
        "made": now.strftime("%Y-%m-%d %H:%M UTC"),
        "signing_key": keys.load_signing_key(paths).private_bytes_raw().hex(),
    }
    with site.engine.begin() as connection:
        append(connection, Event(actor, "database-backed-up", target.name), now)
    partial = target.with_name(f".{target.name}{NEXT}")
    key = raw_key(fitting_key(paths, keys.load_database_keys(paths)))
    try:
        copy_database(paths.database, key, partial, passphrase, note)
        partial.rename(target)
        sync(target.parent)
    finally:
        discard(partial)
        site.engine.dispose()


def restore(
    paths: Paths, source: Path, passphrase: str, actor: str, confirm: Callable[[Prepared], bool]
) -> Prepared | None:
    """Verify the backup, ask, and put it in the database's place; None where the answer was no.

    Nothing of the present site changes before the answer. The restored audit log says in its last entry what was done.
    On a machine without a site, one is begun. Raises `CopyUnusable`, `NewerSchema`, `DatabaseInUse`, `KeyUnusable`, and
    what verifying an audit log raises.
    """
    facts = read_note(source, passphrase)
    signing = _signing_key(facts, source)
    with alone(paths), sole_use(paths.database):
        if not paths.vault.exists():
            keys.create_vault(paths, signing=signing)
        key = keys.load_database_key(paths)
        copy = paths.database.with_name(paths.database.name + NEXT)
        try:
            copy_database(source, passphrase, copy, raw_key(key))
            content = _make_ready(copy, key, signing.public_key(), Event(actor, "database-restored", source.name))
            prepared = Prepared(facts.get("made", ""), content.entries, tuple(_losses(paths, content)))
            if not confirm(prepared):
                return None
            keys.replace_signing_key(paths, signing)
            write_identifiers(paths.database, [key])
            put_in_place(copy, paths.database)
            return prepared
        finally:
            discard(copy)


def _make_ready(copy: Path, key: DatabaseKey, public: Ed25519PublicKey, event: Event) -> Content:
    """Verify the copy's audit log and bring it to this version's schema; tell what it held."""
    engine = open_database(copy, key, sole=True)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TABLE {NOTE}")
            applied = migrate_with(connection)
            content = _content(connection)
            verify(connection, public, f"veilsight.local/{content.identifier}")
            append(connection, event)
            for revision in applied:
                append(connection, Event(event.actor, "database-migrated", revision))
    finally:
        engine.dispose()
    return content


def _losses(paths: Paths, kept: Content) -> Iterator[str]:
    """What the present site holds beyond the backup."""
    if not paths.database.exists():
        return
    try:
        key = fitting_key(paths, keys.load_database_keys(paths), sole=True)
        engine = open_database(paths.database, key, sole=True)
        try:
            with reading(engine) as connection:
                present = _content(connection)
        finally:
            engine.dispose()
    except (VeilsightError, DatabaseError) as error:
        yield f"What the present database holds beyond the backup can't be said, since it can't be read ({error})"
        return
    if present.identifier != kept.identifier:
        yield "The backup is another site's; everything of the present site is lost."
    if (more := present.entries - kept.entries) > 0:
        yield f"Lost from the audit log, as newer than the backup: {more} {'entry' if more == 1 else 'entries'}."
    if (more := present.counts - kept.counts) > 0:
        newest = f"; the newest is of {present.newest:%Y-%m-%d %H:%M} UTC" if present.newest else ""
        yield f"Lost, as the backup lacks them: {more} stored {'count' if more == 1 else 'counts'}{newest}."
    for kind, names in present.names.items():
        if gone := sorted(names - kept.names[kind]):
            yield f"The {kind} {', '.join(gone)} {'is' if len(gone) == 1 else 'are'} not in the backup."


def _content(connection: Connection) -> Content:
    identifier = connection.execute(select(site_table.c.value).where(site_table.c.name == IDENTIFIER)).scalar()
    counts = connection.execute(select(func.count()).select_from(measurement)).scalar_one()
    newest = connection.execute(select(func.max(measurement.c.bucket_start))).scalar()
    names = {
        kind: frozenset(connection.execute(select(table.c.name)).scalars())
        for kind, table in (("camera", camera), ("user", user), ("report", report))
    }
    return Content(identifier or "", log.size(connection), counts, newest, names)


def _signing_key(facts: Mapping[str, str], source: Path) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(facts["signing_key"]))
    except (KeyError, ValueError) as error:
        raise CopyUnusable(f"The backup {source} lacks the site's signing key; take another one.") from error


def _write(connection: Connection, event: Event) -> None:
    append(connection, event)
