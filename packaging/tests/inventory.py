"""What a site holds: stored counts, audit entries, reports and their files. Prints one JSON object.

Runs as root within the installed tree, with the appliance's own Python.
"""

import hashlib
import json
import os
from pathlib import Path

from appliance.audit.log import entries as audited
from appliance.settings import find_paths
from appliance.storage.database import reading
from appliance.storage.site import open_site

COUNTS = "SELECT bucket_start, bucket_seconds, camera, measure, place, kind, direction, value FROM measurement"


def main() -> dict[str, object]:
    paths = find_paths(os.environ)
    site = open_site(paths)
    with reading(site.engine) as connection:
        counts = [list(row) for row in connection.exec_driver_sql(COUNTS)]
        leaves = connection.exec_driver_sql("SELECT number, leaf_hash FROM audit_entry ORDER BY number")
        entries = {str(number): leaf.hex() for number, leaf in leaves}
        logged = [entry.event.subject for entry in audited(connection, actions=("report-built",), limit=None)]
        built = dict(map(tuple, connection.exec_driver_sql("SELECT name, sha256 FROM report ORDER BY built")))
    return {
        "identifier": site.identifier,
        "counts": counts,
        "entries": entries,
        "reports": built,
        "reports_in_log": logged,
        "files": checksums(paths.reports),
        "delivered": checksums(Path("/srv/reports")),
    }


def checksums(folder: Path) -> dict[str, str]:
    found = sorted(folder.rglob("*.pdf")) if folder.is_dir() else []
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


if __name__ == "__main__":
    print(json.dumps(main()))
