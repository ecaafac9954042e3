"""The record of processing activities (GDPR Art. 30) and the security measures in force (Art. 32).

What only the site can know comes from its settings; the rest is read from the running system and the audit log.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from appliance.audit import log
from appliance.audit.log import Action, Entry
from appliance.language import Sentence, counted_sentence, marked, sentence
from appliance.settings import Settings
from appliance.storage import users
from appliance.storage.vault import Protection

Facts = dict[str, Any]

PROTECTIONS: dict[Protection | None, str] = {
    "credential": marked(
        "Encrypted with SQLCipher. Its key is wrapped by a credential of this machine; a copied disk does not open."
    ),
    "passphrase": marked(
        "Encrypted with SQLCipher. Its key is wrapped by a passphrase, which somebody types at each start."
    ),
    "key-file": marked(
        "Encrypted with SQLCipher, but its key is opened by a file on the same disk: who copies the disk can read it."
    ),
    None: marked("Encrypted with SQLCipher. How its key is protected could not be read."),
}
AUTOMATED = (
    marked(
        "No person is identified or verified by biometric data, nobody is sorted into a category by it, and no emotion "
        "is inferred (Regulation (EU) 2024/1689, Article 3, points 35, 36, 39 and 40)."
    ),
    marked(
        "The network for faces says where in a picture a face is, so that it can be covered, and how sure it is. No "
        "network here describes a face, a body, a gait or a voice in a way that could be compared with another."
    ),
    marked(
        "The program makes this so: it loads only networks of its own list (models/catalogue.toml), each by its "
        "SHA-256, and only for three tasks: to find people and vehicles, faces, and text. They give boxes with a kind "
        "and a score, and the database has no column for anything else (appliance/storage/tables.py)."
    ),
)


def record(connection: Connection, settings: Settings, protection: Protection | None, verified: bool) -> Facts:
    """The record of this site's processing; texts of the site are empty where it has stated none."""
    site, stated = settings.site, settings.processing
    return {
        "controller": site.controller,
        "contact": site.contact,
        "data_protection_officer": stated.data_protection_officer,
        "purposes": stated.purposes,
        "legal_basis": stated.legal_basis,
        "recipients": stated.recipients,
        "destinations": [each.name for each in settings.destinations],
        "subjects": sentence("People and vehicles in view of the cameras; people who use this system."),
        "data": sentence(
            "Pictures while they are analysed in memory; totals without a track or a picture; for users a name, a "
            "password's hash and what they did."
        ),
        "notice_url": stated.notice_url,
        "protection": protection or "",
        "entry": _latest(connection, "settings-changed"),
        "transfers": sentence("None by this system to a third country: it sends to the named destinations alone."),
        "security": security(connection, settings, protection, verified),
    }


def security(
    connection: Connection, settings: Settings, protection: Protection | None, verified: bool
) -> list[dict[str, Any]]:
    """Measures as they are found on the running system, each with the log's entry that tells of it, if any does."""
    present = users.list_users(connection)
    roles = Counter(user.role for user in present)
    factors = sum(user.has_second_factor for user in present)
    rows: Iterable[tuple[Sentence, Sentence, Action | None]] = (
        (sentence("Stored data"), sentence(PROTECTIONS[protection]), "key-changed"),
        (sentence("Anonymity of counts"), _anonymity(settings), "anonymity-set"),
        (
            sentence("Who may log in"),
            counted_sentence(
                "%(num)s person, %(administrators)s with all rights; %(factors)s with a second factor.",
                "%(num)s people, %(administrators)s with all rights; %(factors)s with a second factor.",
                len(present),
                administrators=roles[users.Role.ADMINISTRATOR],
                factors=factors,
            ),
            "user-added",
        ),
        (
            sentence("What may be sent"),
            counted_sentence(
                "Reports and totals, to %(num)s named destination; pictures to none. All else is refused and logged.",
                "Reports and totals, to %(num)s named destinations; pictures to none. All else is refused and logged.",
                len(settings.destinations),
            ),
            "settings-changed",
        ),
        (
            sentence("Removal of old data"),
            sentence(
                "By itself: totals after %(metrics)s months, the log after %(log)s, reports after %(reports)s.",
                metrics=settings.retention.metrics_months,
                log=settings.retention.log_months,
                reports=settings.retention.report_months,
            ),
            "retention-run",
        ),
        (
            sentence("Tamper evidence"),
            sentence("Every entry of the log was verified for this report.")
            if verified
            else sentence("The log did not verify for this report."),
            "checkpoint-signed",
        ),
    )
    return [
        {"measure": measure, "found": found, "entry": _latest(connection, action) if action else None}
        for measure, found, action in rows
    ]


def automated(entries: Iterable[Entry]) -> Facts:
    """The statement on automated processing, and how often networks looked and redaction failed closed."""
    entries = list(entries)
    looked = sum(
        number
        for entry in entries
        if entry.event.action == "network-used" and isinstance(number := entry.event.details.get("pictures"), int)
    )
    return {
        "statements": [sentence(text) for text in AUTOMATED],
        "pictures": looked,
        "failed_closed": sum(entry.event.action == "redaction-failed" for entry in entries),
    }


def _anonymity(settings: Settings) -> Sentence:
    chosen = settings.anonymity
    if chosen.mode == "differential":
        return sentence("Noise before storage, epsilon %(epsilon)s a visit (section 5).", epsilon=chosen.epsilon)
    if chosen.mode == "threshold":
        return sentence("Numbers below %(k)s are withheld (section 5).", k=chosen.k)
    return sentence("Off: counts are stored exact (section 5).")


def _latest(connection: Connection, action: Action) -> int | None:
    """The last entry of its kind."""
    found = log.entries(connection, actions=(action,), newest_first=True, limit=1)
    return found[0].number if found else None
