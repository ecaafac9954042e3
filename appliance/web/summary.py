"""The day in a few words for Today: the busiest hour, the queue now, the alerts, and whether the cameras work."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from appliance.metrics.alerts import Limit, Raised
from appliance.web.counts import NO_NUMBER, CameraPlaces, Sums, with_error
from appliance.web.day import Day
from appliance.web.status import CameraStatus, EngineStatus
from appliance.web.wording import gettext, ngettext
from appliance.web.words import duration, number

Texts = Mapping[str, str]
"""Texts by name, and the tone of each tile by name with `.tone` behind it."""


def busiest_hour(day: Day, now: datetime, sums: Sums) -> Texts:
    """The hour in which most people came in, among those that have begun."""
    hours = [
        (came, index)
        for index, hour in enumerate(day.hours)
        if hour <= now and (came := sums.hourly.get((index, "in"))) is not None and came.surely_some
    ]
    if not hours:
        return {"busiest": NO_NUMBER, "busiest_note": gettext("nobody has come in yet, as far as may be told")}
    came, index = max(hours, key=lambda each: (each[0].value, -each[1]))
    end = day.hours[index + 1] if index + 1 < len(day.hours) else day.end
    note = ngettext(
        "%(people)s person came in between %(begin)s and %(end)s",
        "%(people)s people came in between %(begin)s and %(end)s",
        came.shown,
        people=with_error(came),
        begin=day.label(day.hours[index]),
        end=day.label(end),
    )
    return {"busiest": day.label(day.hours[index]), "busiest_note": note}


def queue_now(places: Sequence[CameraPlaces], status: EngineStatus | None) -> Texts:
    """How many people stand in all queues together, and where they wait longest. Nothing for a site without one.

    The engine may be starting.
    """
    queues = [(camera.name, zone) for camera in places for zone in camera.queues]
    if not queues:
        return {}
    if status is None or status.starting:
        return {"queue": NO_NUMBER, "queue_note": not_counting(status)}
    people = {queue: status.present.get(queue[0], {}).get(queue[1], 0) for queue in queues}
    waits = {queue: status.waiting.get(queue[0], {}).get(queue[1], 0.0) for queue in queues if people[queue]}
    if not waits:
        return {"queue": "0", "queue_note": gettext("nobody waits")}
    longest = max(waits, key=lambda queue: waits[queue])
    wait = duration(waits[longest])
    note = gettext("waiting for %(duration)s at %(zone)s", duration=wait, zone=longest[1])
    if len(queues) > 1:
        note = gettext(
            "longest at %(zone)s: %(people)s waiting for %(duration)s",
            zone=longest[1],
            people=people[longest],
            duration=wait,
        )
    return {"queue": number(sum(people.values())), "queue_note": note}


def not_counting(status: EngineStatus | None) -> str:
    """Why nothing is known of the present: no engine runs, or one that is starting."""
    return gettext("the engine is not running") if status is None else gettext("the engine is starting")


def alerts_now(limits: Sequence[Limit], reached: Sequence[Raised], status: EngineStatus | None) -> Texts:
    """Which limits are reached. Nothing for a site without limits."""
    if not limits:
        return {}
    if status is None or status.starting:
        return {"alerts": NO_NUMBER, "alerts_note": not_counting(status), "alerts.tone": "warn"}
    if not reached:
        note = ngettext(
            "%(num)s limit is watched; it is not reached", "%(num)s limits are watched; none is reached", len(limits)
        )
        return {"alerts": gettext("None"), "alerts_note": note, "alerts.tone": "good"}
    return {"alerts": number(len(reached)), "alerts_note": " ".join(map(describe_alert, reached)), "alerts.tone": "bad"}


def describe_alert(alert: Raised) -> str:
    """Which limit is reached and where, in a sentence or two."""
    limit, sentences = alert.limit, []
    place = (
        gettext("%(zone)s of %(camera)s", zone=limit.zone, camera=limit.camera) if limit.zone else gettext("the store")
    )
    if alert.people is not None:
        told = gettext(
            "%(name)s: %(people)s people in %(place)s; the limit is %(limit)s.",
            name=limit.name,
            people=alert.people,
            place=place,
            limit=limit.people,
        )
        sentences.append(told)
    if alert.waiting_seconds is not None:
        told = gettext(
            "%(name)s: people in %(place)s wait for %(seconds)s seconds.",
            name=limit.name,
            place=place,
            seconds=alert.waiting_seconds,
        )
        sentences.append(told)
    return " ".join(sentences)


def health(names: Iterable[str], status: EngineStatus | None, states: Mapping[str, str]) -> Texts:
    """How many of the cameras work. `states` are the words for each camera's state."""
    names = list(names)
    if status is not None and status.starting:
        return {"health": NO_NUMBER, "health_note": not_counting(status), "health.tone": "warn"}
    found = {name: status.camera(name) if status else None for name in names}
    watched = [name for name in names if not _is_disabled(found[name])]
    bad = [name for name in watched if not _works(found[name])]
    value = gettext("%(working)s of %(cameras)s", working=len(watched) - len(bad), cameras=len(watched))
    if status is None:
        return {"health": value, "health_note": not_counting(status), "health.tone": "bad"}
    if bad:
        note = "; ".join(f"{name}: {states.get(name, '')}" for name in bad)
        return {"health": value, "health_note": note, "health.tone": "bad"}
    off = len(names) - len(watched)
    note = gettext("working")
    if off:
        note = ngettext("working; %(num)s is switched off", "working; %(num)s are switched off", off)
    return {"health": value, "health_note": note, "health.tone": "good"}


def _works(camera: CameraStatus | None) -> bool:
    """Pictures come, and they show what they should."""
    return camera is not None and camera.state == "streaming" and not camera.tampering_words


def _is_disabled(camera: CameraStatus | None) -> bool:
    return camera is not None and camera.state == "disabled"
