"""What the audit log says about a period: networks, what left the site, who had access, changes.

Every fact names the number of the entry that it was taken from. JSON-able; equal logs give equal results.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from appliance.audit import log
from appliance.audit.log import Entry
from appliance.language import marked, sentence
from appliance.reports.period import Period
from appliance.storage.tables import report as report_table

Facts = dict[str, Any]

FAILURES = ("network-failed", "network-moved", "redaction-failed")
# Entries that say on which device a network runs from then on.
PLACED: tuple[log.Action, ...] = ("network-loaded", "network-moved")
# Entries that say that something reached a destination, and that it did not, or that nobody knows.
DELIVERED: tuple[log.Action, ...] = ("report-delivered", "metric-delivered")
NOT_DELIVERED = {
    "egress-refused": marked("refused"),
    "guard-refused": marked("refused"),
    "delivery-failed": marked("failed"),
    "delivery-unknown": marked("unknown"),
}
DOWNLOADED = ("report-downloaded", "counts-downloaded", "checkpoint-downloaded")
# What is listed one by one under changes, and in which words.
CHANGES = {
    "started": marked("program started"),
    "stopped": marked("program stopped"),
    "camera-added": marked("camera added"),
    "camera-changed": marked("camera changed"),
    "camera-removed": marked("camera removed"),
    "plan-changed": marked("floor plan changed"),
    "user-added": marked("user added"),
    "role-changed": marked("role changed"),
    "second-factor-on": marked("second factor set up"),
    "second-factor-off": marked("second factor switched off"),
    "token-added": marked("token of another program added"),
    "token-removed": marked("token of another program removed"),
    "user-removed": marked("user removed"),
    "password-changed": marked("password changed"),
    "database-migrated": marked("database migrated"),
    "database-backed-up": marked("backup made"),
    "database-restored": marked("backup restored"),
    "key-changed": marked("key changed"),
    "destination-secret-set": marked("secret of a destination set"),
    "destination-secret-removed": marked("secret of a destination removed"),
    "data-removed": marked("data removed"),
    "anonymity-set": marked("anonymity set to"),
    "settings-changed": marked("settings changed"),
    "network-quantised": marked("network made quicker"),
}
# These may come thousands of times: one row for each subject.
REPEATED = {
    "network-failed": marked("network failed"),
    "network-moved": marked("network moved to another device"),
    "redaction-failed": marked("redaction failed"),
    "camera-state": marked("camera lost"),
    "camera-tampering": marked("camera covered, blurred, blinded, frozen or moved"),
    "egress-refused": marked("sending refused"),
    "guard-refused": marked("connection or file refused"),
    "delivery-failed": marked("delivery failed"),
    "delivery-unknown": marked("delivery interrupted"),
}
# Both are REPEATED or CHANGES too; these are told as incidents.
INCIDENTS = frozenset(REPEATED) | {"database-restored"}
# Changes that somebody makes, as opposed to what a program does by itself.
CHANGED_BY_PEOPLE = frozenset(CHANGES) - {"started", "stopped", "data-removed", "database-migrated"} | {
    "counting-checked",
    "sessions-ended",
}
# How the actors begin that are programs (`services.setup.program_actor`), which no user's name does.
PROGRAM = "program:"
# What ends an incident is none itself.
OVER = frozenset({("camera-state", "streaming"), ("camera-tampering", "over")})


def period_entries(connection: Connection, period: Period) -> list[Entry]:
    """The entries of the period in the log's order."""
    return log.entries(connection, period.start, period.end)


def networks(connection: Connection, entries: Sequence[Entry], period: Period) -> list[Facts]:
    """Networks loaded in the period, or moved to another device, and for each task the last one before it, which was in
    use at its start."""
    before = log.entries(connection, end=period.start, actions=PLACED)
    latest = {_task(entry): entry for entry in before}
    loaded = [*latest.values(), *(entry for entry in entries if entry.event.action in PLACED)]
    grouped: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for entry in loaded:
        details = entry.event.details
        parts = (str(details.get(name, "")) for name in ("licence", "device", "precision"))
        grouped[_task(entry), entry.event.subject, entry.event.sha256, *parts].append(entry)
    return [
        {
            "task": task,
            "name": name,
            "sha256": sha256,
            "licence": licence,
            "device": device,
            "precision": precision,
            "loads": len(found),
            "first_entry": found[0].number,
            "last_entry": found[-1].number,
        }
        for (task, name, sha256, licence, device, precision), found in sorted(grouped.items())
    ]


def network_changes(connection: Connection, entries: Sequence[Entry], period: Period) -> list[Facts]:
    """Where a task got another file than it had before, in the log's order."""
    before = log.entries(connection, end=period.start, actions=("network-loaded",))
    present = {_task(entry): entry for entry in before}
    changes: list[Facts] = []
    for entry in entries:
        if entry.event.action != "network-loaded":
            continue
        last = present.get(_task(entry))
        if last is not None and last.event.sha256 != entry.event.sha256:
            changes.append(
                {
                    "time": period.local(entry.time),
                    "task": _task(entry),
                    "before": last.event.subject,
                    "before_sha256": last.event.sha256,
                    "now": entry.event.subject,
                    "now_sha256": entry.event.sha256,
                    "entry": entry.number,
                }
            )
        present[_task(entry)] = entry
    return changes


def network_use(entries: Iterable[Entry]) -> list[Facts]:
    """How many pictures each network really computed on each device, as the engine counted."""
    grouped: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.event.action == "network-used":
            grouped[entry.event.subject, str(entry.event.details.get("device", ""))].append(entry)
    return [
        {
            "name": name,
            "device": device,
            "pictures": sum(int(entry.event.details.get("pictures", 0)) for entry in found),
            "first_entry": found[0].number,
            "last_entry": found[-1].number,
        }
        for (name, device), found in sorted(grouped.items())
    ]


def egress(entries: Iterable[Entry], period: Period) -> dict[str, list[Facts]]:
    """Everything that left: sent to a destination, downloaded by somebody, refused or failed."""
    found: dict[str, list[Facts]] = {"sent": [], "downloads": [], "refused": []}
    for entry in entries:
        event = entry.event
        common = {
            "entry": entry.number,
            "time": period.local(entry.time),
            "actor": event.actor,
            "data_class": event.data_class,
            "destination": event.destination,
            "name": event.subject,
            "bytes": event.byte_count,
            "sha256": event.sha256,
        }
        if event.action in DELIVERED:
            found["sent"].append(common)
        elif event.action in DOWNLOADED:
            found["downloads"].append(common)
        elif event.action in NOT_DELIVERED:
            reason = str(event.details.get("reason", ""))
            found["refused"].append({**common, "outcome": sentence(NOT_DELIVERED[event.action]), "reason": reason})
    return found


def reports(connection: Connection, entries: Iterable[Entry], schedules: Sequence[str]) -> Facts:
    """The reports built in the period, by the schedules that are set or for a person, and the state of those kept."""
    built = [entry for entry in entries if entry.event.action == "report-built"]
    changed = select(func.count()).select_from(report_table).where(report_table.c.state.not_in(("", "valid")))
    return {
        "schedules": list(schedules),
        "built": len(built),
        "scheduled": sum("schedule" in entry.event.details for entry in built),
        "not_as_built": connection.execute(changed).scalar_one(),
        "first_entry": built[0].number if built else None,
        "last_entry": built[-1].number if built else None,
    }


def access(entries: Sequence[Entry], period: Period) -> dict[str, list[Facts]]:
    """Who logged in, watched, downloaded and changed something; failed log-ins by day, without the names that were
    tried; and what a role did not allow."""
    counted: dict[str, Sequence[str]] = {
        "logins": ("login",),
        "views": ("view-opened",),
        "downloads": DOWNLOADED,
        "changes": tuple(CHANGED_BY_PEOPLE),
        "refused": ("access-refused",),
    }
    people: dict[str, list[Entry]] = defaultdict(list)
    failed: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.event.actor.startswith(PROGRAM):
            continue
        if any(entry.event.action in actions for actions in counted.values()):
            people[entry.event.actor].append(entry)
        elif entry.event.action == "login-failed":
            failed[period.local(entry.time)[:10]].append(entry)
    return {
        "people": [
            {
                "name": name,
                **{word: _count(found, *actions) for word, actions in counted.items()},
                **_span(found),
            }
            for name, found in sorted(people.items())
        ],
        "views": _views(entries, period),
        "failed": [{"date": day, "count": len(found), **_span(found)} for day, found in sorted(failed.items())],
    }


def _views(entries: Iterable[Entry], period: Period) -> list[Facts]:
    """Live views opened in the period, each with the next close of the same person and camera."""
    views: list[Facts] = []
    waiting: dict[tuple[str, str], deque[Facts]] = defaultdict(deque)
    for entry in entries:
        key = (entry.event.actor, entry.event.subject)
        if entry.event.action == "view-opened":
            view: Facts = {
                "entry": entry.number,
                "opened": period.local(entry.time),
                "actor": entry.event.actor,
                "camera": entry.event.subject,
                "reason": str(entry.event.details.get("reason", "")),
                "closed": None,
                "close_entry": None,
            }
            views.append(view)
            waiting[key].append(view)
        elif entry.event.action == "view-closed" and waiting[key]:
            waiting[key].popleft().update(closed=period.local(entry.time), close_entry=entry.number)
    return views


def changes(entries: Sequence[Entry], period: Period) -> list[Facts]:
    """What was changed and what failed, in the log's order; repeated failures of one thing are one row."""
    grouped: dict[object, list[Entry]] = defaultdict(list)
    for entry in entries:
        if (entry.event.action, entry.event.details.get("state")) in OVER:
            continue
        if entry.event.action in REPEATED:
            grouped[entry.event.action, entry.event.subject].append(entry)
        elif entry.event.action in CHANGES:
            grouped[entry.number].append(entry)
    words = CHANGES | REPEATED
    return [
        {
            "time": period.local(found[0].time),
            "kind": "incident" if found[0].event.action in INCIDENTS else "change",
            "what": sentence(words[found[0].event.action]),
            "subject": found[0].event.subject,
            "actor": found[0].event.actor,
            "times": len(found),
            **_span(found),
        }
        for found in grouped.values()
    ]


def count_failures(entries: Iterable[Entry]) -> int:
    return _count(entries, *FAILURES)


def _count(entries: Iterable[Entry], *actions: str) -> int:
    return sum(entry.event.action in actions for entry in entries)


def _span(entries: Sequence[Entry]) -> Facts:
    return {"first_entry": entries[0].number, "last_entry": entries[-1].number}


def _task(entry: Entry) -> str:
    return str(entry.event.details.get("task", ""))
