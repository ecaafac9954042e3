"""What opens the destinations: passwords, private keys and tokens, for the courier alone.

Each is sealed with AES-256-GCM under a key that is worked out of the vault's root secret (`vault.COURIER_PART`) before
it is put into the database, which is encrypted itself. The engine and the web program open the database, but are not
handed that key.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.sqlite import insert

from appliance.errors import UsageError
from appliance.settings import Paths
from appliance.storage import keys, vault
from appliance.storage.database import reading
from appliance.storage.tables import destination_secret
from appliance.storage.vault import KeyUnusable, Sealed

MOST_BYTES = 16384


def set_secret(connection: Connection, part: bytes, name: str, secret: str, now: datetime | None = None) -> None:
    """Keep the secret of a destination in the place of an earlier one. Raises `UsageError`."""
    pem = "-----BEGIN " in secret
    content = (secret.strip() + "\n" if pem else secret).encode()
    if not secret.strip() or len(content) > MOST_BYTES or not (pem or secret.isprintable()):
        raise UsageError("That is no secret: give one line of text, or a private key in PEM form.")
    sealed = vault.seal_destination_secret(part, name, content)
    values = {"nonce": sealed.nonce, "ciphertext": sealed.ciphertext, "changed": now or datetime.now(UTC)}
    statement = insert(destination_secret).values(destination=name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["destination"], set_=values))


def remove_secret(connection: Connection, name: str) -> bool:
    """Whether there was one."""
    gone = connection.execute(destination_secret.delete().where(destination_secret.c.destination == name))
    return gone.rowcount > 0


def list_secrets(connection: Connection) -> dict[str, datetime]:
    """Which destinations have a secret, and since when."""
    rows = connection.execute(select(destination_secret.c.destination, destination_secret.c.changed))
    return {row.destination: row.changed for row in rows}


def secret_reader(engine: Engine, paths: Paths) -> Callable[[str], bytes | None]:
    """A function that opens the secret of a destination; None where it has none.

    The function raises `KeyMissing` in a program that was not handed the courier's key, and `KeyUnusable`.
    """

    def read(name: str) -> bytes | None:
        query = select(destination_secret).where(destination_secret.c.destination == name)
        with reading(engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        part = keys.load_courier_part(paths)
        try:
            return vault.open_destination_secret(part, name, Sealed(row.nonce, row.ciphertext))
        except KeyUnusable as error:
            raise KeyUnusable("its secret was sealed by another vault; set it again") from error

    return read
