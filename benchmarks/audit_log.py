"""How quick the audit log is with a million entries in a real encrypted database.

    make bench-audit

Prints JSON: entries appended in a second, in transactions of a thousand and each in its own (which waits for the
disk), the seconds that a verification of all of them takes, and how many of them were this program's own, and the
milliseconds that proofs take: the median of many, what 99 of 100 stay below, and the slowest. `--entries` makes the log
shorter.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from appliance.audit import checkpoint, log, proof
from appliance.audit.log import Event, append
from appliance.audit.verification import verify
from appliance.settings import find_paths
from appliance.storage.database import reading
from appliance.storage.keys import load_signing_key
from appliance.storage.site import Site, create_site

BATCH = 1000
ALONE = 500
PROOFS = 300


def event(number: int) -> Event:
    """Entries as a site writes them: mostly cameras and people, now and then a delivery."""
    if number % 10 == 0:
        digest = f"{number:064x}"
        return Event("courier", "report-delivered", f"veilsight-{number}.pdf", "report", 123456, digest, "head-office")
    details: dict[str, str | int] = {"ending": "signed off", "seconds": number % 3600}
    return Event(f"person {number % 7}", "view-closed", f"camera {number % 16}", details=details)


def fill(engine: Engine, entries: int) -> float:
    """Append so many entries; returns seconds."""
    begun = time.perf_counter()
    for first in range(0, entries, BATCH):
        with engine.begin() as connection:
            for number in range(first, min(first + BATCH, entries)):
                append(connection, event(number))
    return time.perf_counter() - begun


def fill_one_by_one(engine: Engine, entries: int) -> float:
    begun = time.perf_counter()
    for number in range(entries):
        with engine.begin() as connection:
            append(connection, event(number))
    return time.perf_counter() - begun


def milliseconds(act: Callable[[int], object], numbers: list[int]) -> dict[str, float]:
    taken = []
    for number in numbers:
        begun = time.perf_counter()
        act(number)
        taken.append(1000 * (time.perf_counter() - begun))
    taken.sort()
    last = taken[int(0.99 * len(taken))]
    return {"median": round(statistics.median(taken), 3), "99 %": round(last, 3), "slowest": round(taken[-1], 3)}


def measure(site: Site, entries: int, note: str) -> dict[str, object]:
    numbers = random.Random(1).sample(range(1, entries), PROOFS)  # noqa: S311 - a choice of entries, not a secret
    with reading(site.engine) as connection:
        newest = checkpoint.read(note, site.public_key)
        begun, used = time.perf_counter(), time.process_time()
        verified = verify(connection, site.public_key, site.origin, note)
        seconds, used = time.perf_counter() - begun, time.process_time() - used
        old = [checkpoint.Checkpoint(site.origin, number, log.root(connection, number)) for number in numbers]
        by_size = dict(zip(numbers, old, strict=True))
        return {
            "entries": verified.entries,
            "verify_seconds": round(seconds, 2),
            "verify_processor_seconds": round(used, 2),
            "inclusion_proof_ms": milliseconds(
                lambda number: proof.prove_entry(connection, number, note, newest.size), numbers
            ),
            "consistency_proof_ms": milliseconds(
                lambda number: proof.prove_growth(connection, by_size[number], newest), numbers
            ),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="veilsight-audit-") as folder:
        paths = find_paths(os.environ, Path(folder))
        site, _ = create_site(paths)
        seconds = fill(site.engine, options.entries)
        alone = fill_one_by_one(site.engine, ALONE)
        with site.engine.begin() as connection:
            note = checkpoint.make_checkpoint(connection, load_signing_key(paths), site.origin)
        result = {
            "appended_per_second": round(options.entries / seconds),
            "appended_per_second_each_on_disk": round(ALONE / alone),
            **measure(site, options.entries, note),
            "database_bytes": paths.database.stat().st_size,
        }
        site.engine.dispose()
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
