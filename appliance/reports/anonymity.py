"""How a report says that its numbers are anonymous, and how far."""

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from appliance.metrics.measures import MOST_FLOWS, MOST_HEAT_SECONDS, MOST_SECONDS
from appliance.reports.period import Period
from appliance.settings import Anonymity
from appliance.storage import measurements

PICTURES = (
    "Pictures are decoded and analysed in the memory of one program on this system. They are not written to disk, "
    "and they are not sent anywhere. What a logged-in person may watch is a redacted picture: faces and number "
    "plates are covered before it leaves that program. The covering is done by neural networks, which can miss; "
    "where they fail to answer, the whole picture is covered."
)
TRACKS = (
    "A track number joins the sightings of one person while that person is in view of one camera. It lives in "
    "memory and is not stored. No face is recognised, no person is matched between cameras or days, and no age, sex "
    "or mood is estimated."
)
OPEN = (
    "A total is stored when its time is over. Until then it is exact: in memory, on the page of who is logged in, "
    "and in a copy in a folder that itself lies in memory. If the program crashes, at most five seconds of counting "
    "are lost; if the machine loses power or is restarted, the totals that are open at that moment are."
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
        "reason": settings.reason.strip() if settings.mode == "off" else "",
        "modes": [{"mode": mode, "epsilon": epsilon} for mode, epsilon in modes],
        "bucket_minutes": list(bucket_minutes),
        "summary": _summary(settings, modes),
        "statements": [
            PICTURES,
            *(text for mode in modes for text in _stored(*mode, settings, bucket_minutes)),
            *([_mixed(modes)] if len(modes) > 1 else []),
            OPEN,
            TRACKS,
        ],
    }


def _summary(settings: Anonymity, modes: Sequence[tuple[str, float]]) -> str:
    """One sentence for the first page."""
    names = {mode for mode, _ in modes}
    if "off" in names:
        said = f" Reason given: {settings.reason.strip()}" if settings.mode == "off" else ""
        return f"Counts of this period were stored exact: their anonymity was off.{said}"
    if names == {"threshold"}:
        return f"Counts are exact, and those below {settings.k} are withheld, with what would give them away."
    if names == {"differential"}:
        epsilons = " or ".join(f"{epsilon:g}" for _, epsilon in modes)
        return f"Noise was added to each count before it was stored (differential privacy, epsilon {epsilons} a visit)."
    return "Counts were made anonymous in more than one way in this period (section 3)."


def _stored(mode: str, epsilon: float, settings: Anonymity, bucket_minutes: Sequence[int]) -> tuple[str, ...]:
    """One paragraph or more on a mode; the report prints 600 letters of each."""
    minutes = " or ".join(map(str, bucket_minutes))
    what = f"What is stored are totals of {minutes} minutes for each camera, line and zone. "
    if mode == "differential":
        return (
            what + "Random noise is added to each of them before it is stored, and the exact total is then gone (mode "
            "“differential”: discrete Laplace noise by the OpenDP library). What is protected is one visit, as one "
            "camera sees it: whatever somebody does in it, no stored outcome becomes more than "
            f"{math.exp(epsilon):.3g} times as likely or unlikely (epsilon {epsilon:g} for all numbers of one camera "
            "together).",
            "So each visit counts at most once for each line and direction and once for each zone, with "
            f"at most {MOST_SECONDS // 60} minutes of presence there, {MOST_FLOWS} moves between zones and "
            f"{MOST_HEAT_SECONDS} seconds on the heat map; largest numbers are not stored. The ± "
            "beside a number is its 95 % interval. Who comes every day, passes several cameras, or is lost from "
            "sight and found again makes several visits, and the protection of each is weakened by the others.",
        )
    if mode == "threshold":
        return (
            what
            + f"They are stored exact (mode “threshold”). An hour's number below {settings.k} is withheld from every "
            "page and report, and where it could be worked out from the day's total, that total counts the shown "
            "hours alone and says “at least”.",
        )
    return (
        what
        + "These totals are exact (mode “off”): no noise is added and no small total is withheld. A total of one says "
        "that one person passed in that time; nothing that is stored says who.",
    )


def _mixed(modes: Sequence[tuple[str, float]]) -> str:
    names = ", ".join(f"{mode} with epsilon {epsilon:g}" if epsilon else mode for mode, epsilon in modes)
    return f"The mode was changed in the period; counts of each mode are in it: {names}."
