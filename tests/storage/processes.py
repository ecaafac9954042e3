"""What the tests run in processes of their own: the three programs share one database."""

import os
import resource
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from appliance.audit.log import Event, append
from appliance.errors import VeilsightError
from appliance.settings import find_paths
from appliance.storage import keys
from appliance.storage.database import create_database
from appliance.storage.measurements import MeasurementRow, add_bucket
from appliance.storage.migration import migrate_with
from appliance.storage.rotation import rotate_key
from appliance.storage.site import Site, create_site, open_site

BUCKET = MeasurementRow(datetime(2026, 11, 23, 8, tzinfo=UTC), 900, "door", "crossings", "in", "person", "in", 1.0)


def main(job: str, state: str, *arguments: str) -> None:
    paths = find_paths({"HOME": state}, Path(state))
    if job == "create":
        print(create_site(paths)[0].identifier)
    elif job == "append":
        append_many(open_site(paths), arguments[0], int(arguments[1]))
    elif job == "fill":
        # A limit on the size of files stands in for a full disk; SIGXFSZ is ignored by Python, so the write fails.
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(arguments[0]), resource.RLIM_INFINITY))
        append_many(open_site(paths), "x" * 500, 10_000)
    elif job == "killed":
        with open_site(paths).engine.begin() as connection:
            append(connection, Event("test", "started", "never committed"))
            os.kill(os.getpid(), signal.SIGKILL)
    elif job == "rotate on a full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(arguments[0]), resource.RLIM_INFINITY))
        rotate_key(paths, lambda _connection: None)
    elif job == "killed while migrating":
        with create_database(paths.database, keys.load_database_key(paths)).begin() as connection:
            migrate_with(connection)
            os.kill(os.getpid(), signal.SIGKILL)


def kill_at_event(number: int) -> None:
    """End this process with SIGKILL at its so-manieth file operation from now on, as Python's audit events count."""
    left = number

    def watch(event: str, arguments: tuple[object, ...]) -> None:  # noqa: ARG001
        nonlocal left
        # The killing is an event too.
        if event != "os.kill" and (event == "open" or event.startswith(("os.", "fcntl.", "sqlite3."))):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def append_many(site: Site, subject: str, count: int) -> None:
    """Each time an entry and a part of the same bucket, as the programs write them."""
    for _ in range(count):
        with site.engine.begin() as connection:
            append(connection, Event("test", "started", subject))
            add_bucket(connection, [BUCKET])


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except VeilsightError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
