"""How a report says that its numbers are anonymous, and how far."""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection

from appliance.audit import log
from appliance.language import Sentence, marked, sentence
from appliance.metrics.measures import MOST_FLOWS, MOST_HEAT_SECONDS, MOST_SECONDS
from appliance.reports.daily import modes_of
from appliance.reports.period import Period
from appliance.settings import Anonymity
from appliance.storage import measurements

PICTURES = marked(
    "Pictures are decoded and analysed in the memory of one program on this system. They are not written to disk, "
    "and they are not sent anywhere. What a logged-in person may watch is a redacted picture: faces and number "
    "plates are covered before it leaves that program. The covering is done by neural networks, which can miss; "
    "where they fail to answer, the whole picture is covered."
)
TRACKS = marked(
    "A track number joins the sightings of one person while that person is in view of one camera. It lives in "
    "memory and is not stored. No face is recognised, no person is matched between cameras or days, and no age, sex "
    "or mood is estimated."
)
OPEN = marked(
    "A total is stored when its time is over. Until then it is exact: in memory, on the page of who is logged in, "
    "and in a copy in a folder that itself lies in memory. If the program crashes, at most five seconds of counting "
    "are lost; if the machine loses power or is restarted, the totals that are open at that moment are."
)

# Beside what is in `metrics/anonymity.py`.
NOT_COVERED = marked(
    "What is told besides counts comes from exact numbers: that an alert's limit was reached, and when; and how far a "
    "count was off that somebody checked by eye, who sees meanwhile how many came in since the check began. Both are "
    "in the audit log."
)


def anonymity(
    connection: Connection, period: Period, settings: Anonymity, bucket_minutes: Sequence[int]
) -> dict[str, Any]:
    """The modes under which the period's counts were stored, or the present one where there are none; in words too."""
    found = measurements.modes(connection, period.start, period.end)
    epsilon = settings.epsilon if settings.mode == "differential" else 0.0
    modes = found or [(settings.mode, epsilon)]
    return {
        "mode": settings.mode,
        "epsilon": epsilon,
        "k": settings.k,
        "entry": _latest_policy(connection),
        "reason": settings.reason.strip() if settings.mode == "off" else "",
        "modes": [{"mode": mode, "epsilon": epsilon} for mode, epsilon in modes],
        "bucket_minutes": list(bucket_minutes),
        "spent": _spent(connection, period),
        "summary": _summary(settings, modes),
        "statements": [
            sentence(PICTURES),
            *(text for mode in modes for text in _stored(*mode, settings, bucket_minutes)),
            *([_mixed(modes)] if len(modes) > 1 else []),
            sentence(OPEN),
            sentence(NOT_COVERED),
            sentence(TRACKS),
        ],
    }


def _latest_policy(connection: Connection) -> int | None:
    found = log.entries(connection, actions=("anonymity-set",), newest_first=True, limit=1)
    return found[0].number if found else None


def _spent(connection: Connection, period: Period) -> list[dict[str, Any]]:
    """What the counts of one visit, as one camera sees it, cost on each day, or in each month of a long period.

    Days in a row with the same modes are one row; epsilon is 0 where nothing was added to the counts.
    """
    rows: list[dict[str, Any]] = []
    for first, last in _stretches(period):
        modes = [
            {"mode": mode, "epsilon": epsilon}
            for mode, epsilon in sorted(modes_of(connection, Period(first, last, period.zone)))
        ]
        if rows and rows[-1]["modes"] == modes:
            rows[-1]["last"] = last.isoformat()
        else:
            rows.append({"first": first.isoformat(), "last": last.isoformat(), "modes": modes})
    return rows


def _stretches(period: Period) -> list[tuple[date, date]]:
    """The first and last day of each row: days, or the months of a period that is shown by the month."""
    starts = [each.start.astimezone(period.zone).date() for each in period.intervals()]
    firsts = list(dict.fromkeys(starts))
    lasts = [*(each - timedelta(days=1) for each in firsts[1:]), period.last]
    return list(zip(firsts, lasts, strict=True))


def _summary(settings: Anonymity, modes: Sequence[tuple[str, float]]) -> Sentence:
    """One sentence for the first page."""
    names = {mode for mode, _ in modes}
    if "off" in names and settings.mode == "off":
        return sentence(
            "Counts of this period were stored exact: their anonymity was off. Reason given: %(reason)s",
            reason=settings.reason.strip(),
        )
    if "off" in names:
        return sentence("Counts of this period were stored exact: their anonymity was off.")
    if names == {"threshold"}:
        return sentence(
            "Counts are exact, and those below %(k)s are withheld, with what would give them away.", k=settings.k
        )
    if names == {"differential"}:
        return sentence(
            "Noise was added to each count before it was stored (differential privacy, epsilon %(epsilon)s a visit).",
            epsilon=_either([epsilon for _, epsilon in modes]),
        )
    return sentence("Counts were made anonymous in more than one way in this period (section 5).")


def _either(numbers: Sequence[float]) -> object:
    """One number, or such as: 1 or 2."""
    found: object = numbers[0]
    for number in numbers[1:]:
        found = sentence("%(first)s or %(second)s", first=found, second=number)
    return found


def _stored(mode: str, epsilon: float, settings: Anonymity, bucket_minutes: Sequence[int]) -> tuple[Sentence, ...]:
    """One paragraph or more on a mode; the report prints 600 letters of each."""
    minutes = _either(bucket_minutes)
    if mode == "differential":
        return (
            sentence(
                "What is stored are totals of %(minutes)s minutes for each camera, line and zone. Random noise is "
                "added to each of them before it is stored, and the exact total is then gone (mode “differential”: "
                "discrete Laplace noise by the OpenDP library). What is protected is one visit, as one camera sees "
                "it: whatever somebody does in it, no stored outcome becomes more than %(times)s times as likely or "
                "unlikely (epsilon %(epsilon)s for all numbers of one camera together).",
                minutes=minutes,
                times=float(f"{math.exp(epsilon):.3g}"),
                epsilon=epsilon,
            ),
            sentence(
                "So each visit counts at most once for each line and direction and once for each zone, with at most "
                "%(minutes)s minutes of presence there, %(moves)s moves between zones and %(seconds)s seconds on the "
                "heat map; largest numbers are not stored. The ± beside a number is its 95 %% interval. Who comes "
                "every day, passes several cameras, or is lost from sight and found again makes several visits, and "
                "the protection of each is weakened by the others.",
                minutes=MOST_SECONDS // 60,
                moves=MOST_FLOWS,
                seconds=MOST_HEAT_SECONDS,
            ),
        )
    if mode == "threshold":
        return (
            sentence(
                "What is stored are totals of %(minutes)s minutes for each camera, line and zone. They are stored "
                "exact (mode “threshold”). An hour's number below %(k)s is withheld from every page and report, and "
                "where it could be worked out from the day's total, that total counts the shown hours alone and says "
                "“at least”.",
                minutes=minutes,
                k=settings.k,
            ),
        )
    return (
        sentence(
            "What is stored are totals of %(minutes)s minutes for each camera, line and zone. These totals are exact "
            "(mode “off”): no noise is added and no small total is withheld. A total of one says that one person "
            "passed in that time; nothing that is stored says who.",
            minutes=minutes,
        ),
    )


def _mixed(modes: Sequence[tuple[str, float]]) -> Sentence:
    named = [
        sentence("%(mode)s with epsilon %(epsilon)s", mode=mode, epsilon=epsilon) if epsilon else mode
        for mode, epsilon in modes
    ]
    found: object = named[0]
    for name in named[1:]:
        found = sentence("%(first)s, %(second)s", first=found, second=name)
    return sentence("The mode was changed in the period; counts of each mode are in it: %(modes)s.", modes=found)
