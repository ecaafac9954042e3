"""The first page: what the appliance promises, whether it was kept in the period, and the figures that say so.

A light is `kept`, `look` (nothing was broken, and somebody should read on) or `broken`. Each is worked out from the
facts of the other sections alone, so that whoever doubts one can work it out again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from appliance.language import Sentence, counted_sentence, sentence

Facts = Mapping[str, Any]
Light = Literal["kept", "look", "broken"]
FRAMES = ("raw-frame", "redacted-frame")
# What a network may be for; one for anything else would be news.
TASKS = frozenset({"people-vehicles", "faces", "text"})
# Where what opens the database's key does not lie beside it.
WELL_KEPT = frozenset({"credential", "passphrase"})
# Less than this part of the observed time: somebody cleaned a lens.
FEW = 0.01


def promises(facts: Facts) -> list[dict[str, Any]]:
    """One row each: the promise in words, its light, the evidence, its entries, and the section that has all of it."""
    return [
        _no_picture_left(facts),
        _nothing_refused(facts),
        _covered(facts),
        _anonymous(facts),
        _encrypted(facts),
        _nobody_recognised(facts),
        _log_intact(facts),
        _reports_signed(facts),
        _cameras_saw(facts),
    ]


def _row(
    name: str,
    section: str,
    says: Sentence,
    light: Light,
    evidence: Sentence,
    entries: Sequence[int | None] = (),
) -> dict[str, Any]:
    found = [number for number in entries if number is not None]
    return {
        "name": name,
        "section": section,
        "says": says,
        "light": light,
        "evidence": evidence,
        "first_entry": min(found, default=None),
        "last_entry": max(found, default=None),
    }


def _no_picture_left(facts: Facts) -> dict[str, Any]:
    classes = [each for each in facts["egress"]["classes"] if each["class"] in FRAMES]
    left = sum(each["sent"] + each["downloads"] for each in classes)
    frames = facts["frames"]
    entries = [each[end] for each in classes for end in ("first_entry", "last_entry")] if left else []
    entries = entries or [frames["first_entry"], frames["last_entry"]]
    if left:
        says = sentence("Pictures left this site.")
        evidence = counted_sentence("%(num)s picture was sent.", "%(num)s pictures were sent.", left)
        return _row("no-picture-left", "residency", says, "broken", evidence, entries)
    says = sentence("No picture left this site.")
    if frames["analysed"] is None:
        evidence = sentence("0 pictures were sent. How many were analysed is not in the log of this period.")
        return _row("no-picture-left", "residency", says, "kept", evidence, entries)
    evidence = counted_sentence(
        "%(num)s picture was analysed in memory, 0 were sent. This report holds none.",
        "%(num)s pictures were analysed in memory, 0 were sent. This report holds none.",
        frames["analysed"],
    )
    return _row("no-picture-left", "residency", says, "kept", evidence, entries)


def _nothing_refused(facts: Facts) -> dict[str, Any]:
    refused = [row for row in facts["egress"]["refused"] if row["outcome"] == "refused"]
    sent, entries = facts["egress"]["sent"], [row["entry"] for row in refused]
    says = sentence("Data went to named destinations alone.")
    if refused:
        evidence = counted_sentence(
            "%(num)s attempt to send or open something else was refused and recorded.",
            "%(num)s attempts to send or open something else were refused and recorded.",
            len(refused),
        )
        return _row("named-destinations", "residency", says, "look", evidence, entries)
    evidence = counted_sentence(
        "%(num)s file was sent; no attempt to send anything elsewhere was recorded.",
        "%(num)s files were sent; no attempt to send anything elsewhere was recorded.",
        len(sent),
    )
    return _row("named-destinations", "residency", says, "kept", evidence, [row["entry"] for row in sent])


def _covered(facts: Facts) -> dict[str, Any]:
    frames = facts["frames"]
    says = sentence("Faces and number plates were covered before anyone saw a picture; where unsure, all of it.")
    failures = frames["failed_closed"]
    if failures:
        evidence = counted_sentence(
            "Redaction failed %(num)s time and covered whole pictures until it worked again.",
            "Redaction failed %(num)s times and covered whole pictures until it worked again.",
            len(failures),
        )
        return _row("covered", "residency", says, "look", evidence, [row["entry"] for row in failures])
    entries = [frames["first_entry"], frames["last_entry"]]
    if frames["shown"] is None:
        evidence = sentence("Redaction did not fail. How many pictures were shown is not in the log of this period.")
    else:
        evidence = counted_sentence(
            "Redaction did not fail. %(num)s picture was shown, %(covered)s of them covered whole.",
            "Redaction did not fail. %(num)s pictures were shown, %(covered)s of them covered whole.",
            frames["shown"],
            covered=frames["covered"],
        )
    return _row("covered", "residency", says, "kept", evidence, entries)


def _anonymous(facts: Facts) -> dict[str, Any]:
    found = facts["anonymity"]
    light: Light = "look" if any(each["mode"] == "off" for each in found["modes"]) else "kept"
    says = sentence("Only anonymous totals were stored, no picture and no track.")
    return _row("anonymous", "anonymity", says, light, found["summary"], [found["entry"]])


def _encrypted(facts: Facts) -> dict[str, Any]:
    stored = facts["processing"]["security"][0]
    light: Light = "kept" if facts["processing"]["protection"] in WELL_KEPT else "look"
    return _row(
        "encrypted", "processing", sentence("What is stored is encrypted."), light, stored["found"], [stored["entry"]]
    )


def _nobody_recognised(facts: Facts) -> dict[str, Any]:
    networks = facts["networks"]
    others = [row for row in networks if row["task"] not in TASKS]
    entries = [row[end] for row in others or networks for end in ("first_entry", "last_entry")]
    if others:
        says = sentence("Networks for other tasks than to find people, vehicles, faces and text were in use.")
        evidence = sentence("Their tasks: %(tasks)s.", tasks=", ".join(sorted({row["task"] for row in others})))
        return _row("nobody-recognised", "automated", says, "look", evidence, entries)
    says = sentence("Nobody was recognised, categorised or followed from camera to camera.")
    evidence = counted_sentence(
        "%(num)s network was in use, checked by its SHA-256 at each start; none can do so.",
        "%(num)s networks were in use, each checked by its SHA-256 at each start; none can do so.",
        len(networks),
    )
    return _row("nobody-recognised", "automated", says, "kept", evidence, entries)


def _log_intact(facts: Facts) -> dict[str, Any]:
    integrity, previous = facts["integrity"], facts["integrity"]["previous"]
    says = sentence("Every log-in, view, change and export is in a log that shows if it is tampered with.")
    entries = [integrity["first_entry"], integrity["last_entry"]]
    if not integrity["verified"]:
        evidence = sentence("The log did not verify when this report was built.")
        return _row("log-intact", "integrity", says, "broken", evidence, entries)
    if previous is not None and not previous["consistent"]:
        evidence = sentence("The log no longer holds all that the previous report fixed.")
        return _row("log-intact", "integrity", says, "broken", evidence, entries)
    if previous is None:
        evidence = counted_sentence(
            "%(num)s entry was verified; there is no previous report to compare with.",
            "%(num)s entries were verified; there is no previous report to compare with.",
            integrity["size"],
        )
    else:
        evidence = counted_sentence(
            "%(num)s entry was verified, and everything that the previous report fixed is still there.",
            "%(num)s entries were verified, and everything that the previous report fixed is still there.",
            integrity["size"],
        )
    return _row("log-intact", "integrity", says, "kept", evidence, entries)


def _reports_signed(facts: Facts) -> dict[str, Any]:
    made = facts["reports"]
    says = sentence("Reports are built by themselves, signed, and as they were built.")
    entries = [made["first_entry"], made["last_entry"]]
    if made["not_as_built"]:
        evidence = counted_sentence(
            "%(num)s kept report is no longer as it was built.",
            "%(num)s kept reports are no longer as they were built.",
            made["not_as_built"],
        )
        return _row("reports-signed", "integrity", says, "broken", evidence, entries)
    if not made["schedules"]:
        evidence = sentence("No schedule is set; reports are built when somebody asks.")
        return _row("reports-signed", "integrity", says, "look", evidence, entries)
    evidence = counted_sentence(
        "%(num)s report was built in the period, %(scheduled)s of them by schedule (%(schedules)s).",
        "%(num)s reports were built in the period, %(scheduled)s of them by schedule (%(schedules)s).",
        made["built"],
        scheduled=made["scheduled"],
        schedules=", ".join(made["schedules"]),
    )
    return _row("reports-signed", "integrity", says, "kept", evidence, entries)


def _cameras_saw(facts: Facts) -> dict[str, Any]:
    cameras = facts["cameras"]
    outages = [outage for camera in cameras for outage in camera["outages"]] + facts["program_stops"]
    observed = sum(camera["observed_hours"] for camera in cameras)
    unreliable = sum(camera["unreliable_hours"] for camera in cameras)
    says = sentence("Cameras saw what they should.")
    evidence = counted_sentence(
        "%(num)s outage; counts of %(unreliable)s of %(observed)s observed hours are not reliable.",
        "%(num)s outages; counts of %(unreliable)s of %(observed)s observed hours are not reliable.",
        len(outages),
        unreliable=round(unreliable, 1),
        observed=round(observed, 1),
    )
    light: Light = "look" if outages or unreliable > FEW * observed else "kept"
    return _row("cameras-saw", "cameras", says, light, evidence, [row["entry"] for row in outages])
