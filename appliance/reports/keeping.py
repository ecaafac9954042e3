"""Built reports are verified again each day, and what was found is kept with them."""

import logging
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine, or_, select

from appliance.reports.verify import ReportUnreadable, State, verify_report
from appliance.settings import Paths
from appliance.storage.database import reading
from appliance.storage.tables import report as report_table

CHECK_AGAIN_AFTER = timedelta(days=1)
VALID = State.VALID.value
# Beside the states of `verify`: the file is gone, or it is a genuine report and not this one.
MISSING = "missing"
REPLACED = "replaced"

logger = logging.getLogger(__name__)


def find_state(report: Path, sha256: str, key: Ed25519PublicKey) -> str:
    """What becomes of a report that was built with this SHA-256: `valid`, or what is wrong with it."""
    try:
        verdict = verify_report(report, key)
    except ReportUnreadable:
        return MISSING
    return REPLACED if verdict.valid and verdict.sha256 != sha256 else verdict.state.value


def check_reports(
    paths: Paths, engine: Engine, key: Ed25519PublicKey, now: datetime, again_after: timedelta = CHECK_AGAIN_AFTER
) -> int:
    """Verify the reports that were not for a day, and keep what is found; returns how many are not valid."""
    table = report_table.c
    query = select(table.name, table.sha256).where(or_(table.checked.is_(None), table.checked <= now - again_after))
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    found = {row.name: find_state(paths.reports / row.name, row.sha256, key) for row in rows}
    with engine.begin() as connection:
        for name, state in found.items():
            connection.execute(report_table.update().where(table.name == name).values(state=state, checked=now))
    bad = {name: state for name, state in found.items() if state != VALID}
    for name, state in bad.items():
        logger.warning("The report %s is %s.", name, state)
    return len(bad)
