"""Data residency: what left the site by class of data, and how many pictures were processed and covered.

All of it is from the audit log, and each figure names its entries.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from appliance.audit.log import Entry
from appliance.language import marked, sentence
from appliance.reports.period import Period
from appliance.reports.witness import DELIVERED, DOWNLOADED, NOT_DELIVERED

Facts = dict[str, Any]

# Every class of data there is; the last is what could not be told of what was refused.
CLASSES = {
    "raw-frame": marked("pictures as the cameras send them"),
    "redacted-frame": marked("redacted pictures"),
    "metric": marked("measurements"),
    "report": marked("reports"),
    "log": marked("audit log and its checkpoints"),
    "configuration": marked("set-up"),
    "model": marked("neural networks"),
    "telemetry": marked("data about the system"),
    "": marked("not told"),
}


def by_class(entries: Iterable[Entry]) -> list[Facts]:
    """For each class of data what was sent, taken away on a page, and refused or failed; all classes, also at zero."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.event.action in (*DELIVERED, *DOWNLOADED, *NOT_DELIVERED):
            known = entry.event.data_class if entry.event.data_class in CLASSES else ""
            found[known].append(entry)
    return [_class(name, found[name]) for name in CLASSES if name or found[name]]


def _class(name: str, entries: Sequence[Entry]) -> Facts:
    sent = [each for each in entries if each.event.action in DELIVERED]
    taken = [each for each in entries if each.event.action in DOWNLOADED]
    refused = [each for each in entries if NOT_DELIVERED.get(each.event.action) == "refused"]
    return {
        "class": name,
        "name": sentence(CLASSES[name]),
        "sent": len(sent),
        "sent_bytes": sum(each.event.byte_count for each in sent),
        "destinations": sorted({each.event.destination for each in sent}),
        "downloads": len(taken),
        "download_bytes": sum(each.event.byte_count for each in taken),
        "refused": len(refused),
        "failed": len(entries) - len(sent) - len(taken) - len(refused),
        "first_entry": entries[0].number if entries else None,
        "last_entry": entries[-1].number if entries else None,
    }


def frames(entries: Iterable[Entry], period: Period) -> Facts:
    """How many pictures were analysed, shown and covered whole, and when redaction failed closed, until when.

    None where the log tells no number. Of a failure that was still going on at the period's end `until` is None.
    """
    counted, failures = [], list[Facts]()
    going_on: dict[str, Facts] = {}
    for entry in entries:
        event = entry.event
        if event.action == "frames-processed":
            counted.append(entry)
        elif event.action == "redaction-failed":
            going_on[event.subject] = {
                "camera": event.subject,
                "reason": str(event.details.get("reason", "")),
                "since": period.local(entry.time),
                "until": None,
                "entry": entry.number,
                "until_entry": None,
            }
            failures.append(going_on[event.subject])
        elif event.action == "redaction-restored" and event.subject in going_on:
            going_on.pop(event.subject).update(until=period.local(entry.time), until_entry=entry.number)
    return {
        **{name: _total(counted, name) for name in ("analysed", "shown", "covered")},
        "first_entry": counted[0].number if counted else None,
        "last_entry": counted[-1].number if counted else None,
        "failed_closed": failures,
    }


def _total(entries: Sequence[Entry], name: str) -> int | None:
    numbers = [number for each in entries if isinstance(number := each.event.details.get(name), int)]
    return sum(numbers) if numbers else None
