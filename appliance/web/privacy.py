"""Privacy in plain words: what is kept and how long, how counts are made anonymous, who looked at what, the key."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, render_template

from appliance.audit import log
from appliance.audit.log import Action, Entry
from appliance.language import marked
from appliance.reports.anonymity import NOT_COVERED
from appliance.settings import Anonymity, Settings
from appliance.storage.database import reading
from appliance.storage.keys import fingerprint
from appliance.web.audit import describe_entry
from appliance.web.context import this_context
from appliance.web.roles import Permission, allows
from appliance.web.wording import gettext, ngettext, this_language
from appliance.web.words import number

blueprint = Blueprint("privacy", __name__)

DAYS = 30
MOST_SHOWN = 30
# What shows or hands out something: who looked, and what left.
LOOKS: tuple[Action, ...] = ("view-opened",)
EXPORTS: tuple[Action, ...] = (
    "counts-downloaded",
    "report-downloaded",
    "report-delivered",
    "metric-delivered",
    "recording-downloaded",
    "checkpoint-downloaded",
    "database-backed-up",
    "backup-downloaded",
)
NEVER = marked("Never")


@dataclass(frozen=True)
class Kept:
    """One class of data: what it is, how long it is kept, and how it is protected."""

    what: str
    how_long: str
    protection: str


@blueprint.get("/privacy")
@allows(Permission.PRIVACY)
def show() -> str:
    context = this_context()
    now, zone = context.clock(), context.settings.site.zone
    with reading(context.engine) as connection:
        found = log.entries(connection, start=now - timedelta(days=DAYS), actions=(*LOOKS, *EXPORTS), newest_first=True)
    return render_template(
        "privacy.html",
        kept=describe_kept(context.settings),
        anonymity_words=describe_anonymity(context.settings),
        summary=summarise(found),
        rows=[describe_entry(entry, zone) for entry in found[:MOST_SHOWN]],
        days=DAYS,
        more=max(0, len(found) - MOST_SHOWN),
        key=fingerprint(context.site.public_key),
    )


def describe_kept(settings: Settings) -> list[Kept]:
    """Every class of data (`appliance.destinations` and the design name them), from what is never kept on."""
    retention = settings.retention
    return [
        Kept(
            gettext("Pictures as the cameras send them"),
            gettext(NEVER),
            gettext("They stay in the memory of one program, which counts and then forgets them."),
        ),
        Kept(
            gettext("Pictures with faces and number plates covered"),
            gettext(NEVER),
            gettext("Shown while somebody looks at them with a reason, and not recorded."),
        ),
        Kept(
            gettext("Faces, names, identities"),
            gettext(NEVER),
            gettext("Nobody is recognised. A number follows a person while they are in one picture, and is forgotten."),
        ),
        Kept(
            gettext("Counts"),
            months(retention.metrics_months),
            gettext(
                "Totals of %(minutes)s minutes, made anonymous, in an encrypted database.",
                minutes=settings.analysis.bucket_minutes,
            ),
        ),
        Kept(
            gettext("Reports"),
            months(retention.report_months),
            gettext("Signed; they hold no picture."),
        ),
        Kept(
            gettext("The log of who did what"),
            months(retention.log_months),
            gettext("Names of staff, no visitors. It can't be changed unnoticed."),
        ),
        Kept(
            gettext("A recording that somebody uploads to be redacted"),
            gettext("Until the result is taken away, at most half an hour after it is done"),
            gettext("In memory, and on disk only encrypted with a key that is never stored."),
        ),
        Kept(
            gettext("Users, cameras and their passwords"),
            gettext("Until an administrator removes them"),
            gettext("In the encrypted database; passwords of users only as Argon2id hashes."),
        ),
    ]


def months(count: int) -> str:
    return ngettext("%(num)s month", "%(num)s months", count)


def describe_anonymity(settings: Settings) -> list[str]:
    """The mode and what it costs, in sentences that need no mathematics."""
    chosen, minutes = settings.anonymity, settings.analysis.bucket_minutes
    if chosen.mode == "off":
        return [
            gettext("Counts are stored exactly as they were counted: anonymity is off."),
            gettext("Reason given: %(reason)s", reason=chosen.reason.strip()),
        ]
    if chosen.mode == "threshold":
        return [
            gettext(
                "Counts are stored exactly. An hour in which fewer than %(k)s were counted is shown nowhere, and "
                "neither is a total that would give it away.",
                k=chosen.k,
            ),
            gettext("Whoever has the database and its key sees everything, so this protects less than added noise."),
            gettext(NOT_COVERED),
        ]
    return [
        gettext(
            "When %(minutes)s minutes are over, a random number is added to each count and the exact count is "
            "forgotten. So nobody can tell from what is stored whether a certain person was here.",
            minutes=minutes,
        ),
        describe_budget(chosen),
        gettext(
            "Counts are shown with the span in which the true number lies 95 times out of 100, such as 1,204 ± 27."
        ),
        gettext(
            "What this does not hide: somebody who comes every day, or passes many cameras, makes several visits, and "
            "the more there are the less each is hidden."
        ),
        gettext(NOT_COVERED),
    ]


def describe_budget(chosen: Anonymity) -> str:
    """The privacy budget of one visit: epsilon is the logarithm of how much likelier an outcome may become."""
    times = this_language().decimal(round(math.exp(chosen.epsilon), 1))
    return gettext(
        "The budget of each visit to one camera is epsilon %(epsilon)s: no stored number becomes more than %(times)s "
        "times as likely because that person was there. A smaller budget hides more and makes counts less exact.",
        epsilon=this_language().decimal(chosen.epsilon),
        times=times,
    )


def summarise(found: Sequence[Entry]) -> str:
    """How often somebody looked and how much was taken away, for those who may not read the log."""
    numbers = Counter("looks" if entry.event.action in LOOKS else "exports" for entry in found)
    looks = ngettext("%(num)s live view", "%(num)s live views", numbers["looks"])
    exports = ngettext("%(num)s file taken away or sent", "%(num)s files taken away or sent", numbers["exports"])
    return gettext(
        "In the last %(days)s days: %(looks)s, %(exports)s.", days=number(DAYS), looks=looks, exports=exports
    )
