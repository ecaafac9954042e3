"""Makes the small databases that `test_schemas.py` migrates: one for each schema that ever landed.

    python -m tests.storage.schemas.make REVISION

The real migrations make the tables, and the rows are such as that version wrote. A file is made once, when its schema
lands, and is not made again: it stands for the sites that are out there. Its key is known, since nothing is in it.
"""

import sys
import tempfile
from pathlib import Path

from sqlalchemy import Connection, text

from appliance.audit.log import Event, append
from appliance.storage.copying import copy_database, raw_key
from appliance.storage.database import create_database
from appliance.storage.migration import migrate_with
from appliance.storage.vault import DatabaseKey

FOLDER = Path(__file__).resolve().parent
TEST_KEY = DatabaseKey(b"a key of the tests, known to all")
# What each revision's version wrote, beside all that the revisions before it did.
ROWS = {
    "0001": (
        "INSERT INTO site VALUES ('identifier', '0123456789abcdef')",
        "INSERT INTO camera (name, source, username, password, loop, realtime, lines, zones, created) VALUES "
        "('door', 'rtsp://192.0.2.1/', 'viewer', 'secret', 0, 0, "
        '\'[{"name": "door", "x1": 0.1, "y1": 0.2, "x2": 0.3, "y2": 0.4}]\', \'[]\', 1790000000)',
        "INSERT INTO user (name, password_hash, created) VALUES ('anna', 'no hash', 1790000000)",
        "INSERT INTO report (name, first_day, last_day, built, actor, byte_count, sha256, checkpoint) VALUES "
        "('2026-09', '2026-09-01', '2026-09-30', 1790000000, 'anna', 10, 'ab', 'note')",
        "INSERT INTO delivery VALUES ('2026-09', 'head-office', 1, NULL, 1790000001, '')",
    ),
    "0009": ("UPDATE user SET role = 'administrator'",),
    "0017": (
        "INSERT INTO series VALUES (1, 'crossings', 'person', 'in', 'door', 'door', 'differential')",
        "INSERT INTO hour_sum VALUES (1, 1789999200, 7.0, 1.5, 2.25, 0.0)",
        "INSERT INTO hour_made VALUES ('door', 1789999200, 'differential', 2.0, 900)",
    ),
    "0018": ("INSERT INTO bucket_sum VALUES (1, 1789999200, 7.0, 1.5, 2.25, 0.0)",),
}
EXACT = "INSERT INTO measurement VALUES (1789999200, 'door', 'crossings', 'door', 'person', 'in', 900, 7.0)"
NOISED = EXACT.replace("900, 7.0)", "900, 'differential', 2.0, 7.0, 1.5)")


def main(revision: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "veilsight.db"
        engine = create_database(path, TEST_KEY)
        with engine.begin() as connection:
            migrate_with(connection, revision)
            fill(connection, revision)
        engine.dispose()
        # Written anew, so that no free page is kept.
        copy_database(path, raw_key(TEST_KEY), FOLDER / f"{revision}.db", raw_key(TEST_KEY))
    (FOLDER / f"{revision}.db").chmod(0o644)


def fill(connection: Connection, revision: str) -> None:
    for name, statements in ROWS.items():
        if name <= revision:
            for statement in statements:
                connection.execute(text(statement.replace(":", r"\:")))
    connection.execute(text(EXACT if revision < "0003" else NOISED))
    append(connection, Event("setup", "user-added", "anna"))
    append(connection, Event("setup", "camera-added", "door"))


if __name__ == "__main__":
    main(sys.argv[1])
