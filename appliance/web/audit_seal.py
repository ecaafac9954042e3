"""Whether the audit log holds: verified when somebody looks, in the background where it is long, and said in words."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from appliance.audit import log
from appliance.audit.verification import AuditLogBroken, verify
from appliance.storage.database import reading
from appliance.web.context import Seal, WebContext
from appliance.web.wording import gettext, ngettext
from appliance.web.words import number

VERIFY_AGAIN = timedelta(minutes=10)
# A log of so many entries is verified while the page waits: some hundredths of a second.
AT_ONCE = 2000


@dataclass(frozen=True)
class SealWords:
    """The verification state in words; `is_busy` says that the log is being verified now."""

    is_good: bool
    is_busy: bool
    heading: str
    explanation: str
    checkpoint: str


def current_seal(context: WebContext) -> Seal | None:
    """The last verification, made anew if there is none or it is old; None while a long log is verified first."""
    seal = context.seals[-1] if context.seals else None
    if seal is None or context.clock() - seal.time >= VERIFY_AGAIN:
        begin_verification(context)
    return context.seals[-1] if context.seals else None


def need_seal(context: WebContext) -> Seal:
    """`current_seal` for who can wait until a long log is verified."""
    seal = current_seal(context)
    return verify_log(context) if seal is None else seal


def begin_verification(context: WebContext) -> None:
    """Verify the whole log: at once where it is short, else in the background, unless that goes on already."""
    with reading(context.engine) as connection:
        is_short = log.size(connection) <= AT_ONCE
    if is_short:
        verify_log(context)
    elif context.verifying.acquire(blocking=False):
        threading.Thread(target=_verify_in_background, args=(context,), name="verification", daemon=True).start()


def _verify_in_background(context: WebContext) -> None:
    try:
        verify_log(context)
    finally:
        context.verifying.release()


def verify_log(context: WebContext) -> Seal:
    """Verify the whole log and remember the outcome.

    Entries cut off the end leave a log that holds, unless a checkpoint covers them; the last length seen tells then.
    """
    try:
        with reading(context.engine) as connection:
            result = verify(connection, context.site.public_key, context.site.origin)
    except AuditLogBroken as error:
        seal = Seal(context.clock(), str(error), _last_length(context), 0, "")
    else:
        before = _last_length(context)
        lost = before if result.entries < before else 0
        length = max(before, result.entries)
        seal = Seal(context.clock(), "", length, result.checkpoint_size, result.checkpoint_signed, lost, result.entries)
    context.seals.append(seal)
    return seal


def _last_length(context: WebContext) -> int:
    return context.seals[-1].entries if context.seals else 0


def describe_seal(seal: Seal | None, is_busy: bool, size: int, now: datetime, zone: ZoneInfo) -> SealWords:
    if seal is None:
        told = ngettext("%(num)s entry is being verified.", "All %(num)s entries are being verified.", size)
        return SealWords(True, True, gettext("The log is being verified"), told, "")
    clock = f"{seal.time.astimezone(zone):%H:%M}"
    is_new = now - seal.time < timedelta(minutes=1)
    problem = describe_problem(seal)
    if problem:
        found = gettext("Found just now.") if is_new else gettext("Found at %(clock)s.", clock=clock)
        return SealWords(False, is_busy, gettext("The log does not hold"), problem, found)
    if is_new:
        told = ngettext(
            "%(num)s entry was verified just now.", "All %(num)s entries were verified just now.", seal.entries
        )
    else:
        told = ngettext(
            "%(num)s entry was verified at %(clock)s.",
            "All %(num)s entries were verified at %(clock)s.",
            seal.entries,
            clock=clock,
        )
    if size > seal.entries:
        added = ngettext(
            "%(num)s entry has been added since.", "%(num)s entries have been added since.", size - seal.entries
        )
        told = f"{told} {added}"
    return SealWords(True, is_busy, gettext("The log is whole"), told, describe_checkpoint(seal))


def describe_problem(seal: Seal) -> str:
    """Why the log does not hold; empty where it does."""
    if not seal.lost:
        return seal.problem
    return gettext(
        "Entries are missing: there were %(before)s, and now there are %(now)s.",
        before=number(seal.lost),
        now=number(seal.left),
    )


def describe_checkpoint(seal: Seal) -> str:
    if not seal.checkpoint_size:
        return gettext("No checkpoint has been signed yet.")
    return ngettext(
        "The newest checkpoint covers %(num)s entry, signed %(moment)s.",
        "The newest checkpoint covers %(num)s entries, signed %(moment)s.",
        seal.checkpoint_size,
        moment=seal.checkpoint_signed,
    )
