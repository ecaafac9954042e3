"""What the tests run in processes of their own: the three programs share one database."""

import os
import resource
import sys
from pathlib import Path

from appliance.audit.log import Event, append
from appliance.errors import VeilsightError
from appliance.settings import find_paths
from appliance.storage.site import create_site, open_site


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
            os.kill(os.getpid(), 9)


def append_many(site: object, subject: str, count: int) -> None:
    for _ in range(count):
        with site.engine.begin() as connection:  # type: ignore[attr-defined]
            append(connection, Event("test", "started", subject))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except VeilsightError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
