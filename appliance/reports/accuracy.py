"""How exact the counting is, by people who counted by eye at the same time, with error bars."""

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from appliance.reports.period import Period
from appliance.storage import counting_checks
from appliance.storage.counting_checks import CountingCheck

Facts = dict[str, Any]

# Checks of a year before the period's end are told of: a camera that is not touched counts as it did.
SPAN = timedelta(days=366)
# The 97.5 % points of Student's t distribution for 1 to 30 degrees of freedom; beyond, those of the normal one.
STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
NORMAL = 1.96


def accuracy(connection: Connection, period: Period) -> Facts:
    """For each camera and all of them: how many checks, their mean difference and its 95 % interval as a margin.

    A difference is the system's count less the person's, as a part of the person's. One check alone has no margin.
    """
    checks = counting_checks.between(connection, period.end - SPAN, period.end)
    by_camera: dict[str, list[CountingCheck]] = defaultdict(list)
    for check in checks:
        by_camera[check.camera].append(check)
    return {
        "cameras": [{"camera": name, **_summary(found, period)} for name, found in sorted(by_camera.items())],
        "all": _summary(checks, period) if checks else None,
    }


def _summary(checks: Sequence[CountingCheck], period: Period) -> Facts:
    differences = [check.difference for check in checks]
    return {
        "checks": len(checks),
        "minutes": round(sum(check.seconds for check in checks) / 60, 1),
        "first": period.local(checks[0].checked),
        "last": period.local(checks[-1].checked),
        "mean": round(statistics.fmean(differences), 4),
        "margin": margin_of(differences),
    }


def margin_of(differences: Sequence[float]) -> float | None:
    """Half the width of the 95 % interval of the mean (Student's t); None for fewer than two."""
    number = len(differences)
    if number < 2:
        return None
    quantile = STUDENT[number - 2] if number - 2 < len(STUDENT) else NORMAL
    return round(quantile * statistics.stdev(differences) / math.sqrt(number), 4)
