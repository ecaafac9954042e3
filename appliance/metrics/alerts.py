"""Numbers that are not to be exceeded: persons in a zone or in the store, and how long people wait in a queue."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# An alert is over when its number has fallen to this part of the limit, so that one person more or less is no news.
OVER_BELOW = 0.8


@dataclass(frozen=True, slots=True)
class Limit:
    """`zone` and `camera` are empty for the store. None limits nothing."""

    name: str
    camera: str = ""
    zone: str = ""
    people: int | None = None
    waiting_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Now:
    """The present numbers: persons by camera and zone, the median wait in seconds by both, and persons in the store."""

    people: Mapping[str, Mapping[str, int]]
    waiting: Mapping[str, Mapping[str, float]]
    inside: int | None = None


@dataclass(frozen=True, slots=True)
class Raised:
    """A limit that is reached, with the numbers that reach it; None where that number is not limited or known."""

    limit: Limit
    people: int | None
    waiting_seconds: int | None

    def __str__(self) -> str:
        where = f"in {self.limit.zone} of {self.limit.camera}" if self.limit.zone else "in the store"
        parts = []
        if self.people is not None:
            parts.append(f"{self.people} people {where}; the limit is {self.limit.people}")
        if self.waiting_seconds is not None:
            parts.append(f"people {where} wait for {self.waiting_seconds} seconds")
        return f"{self.limit.name}: {', and '.join(parts)}."


def raised(limits: Iterable[Limit], now: Now, before: Iterable[str] = ()) -> tuple[Raised, ...]:
    """The alerts as of now. `before` names those that were raised a moment ago; they end at `OVER_BELOW`."""
    standing = set(before)
    found = []
    for limit in limits:
        part = OVER_BELOW if limit.name in standing else 1.0
        people = now.people.get(limit.camera, {}).get(limit.zone, 0) if limit.zone else now.inside
        wait = now.waiting.get(limit.camera, {}).get(limit.zone, 0.0)
        many = people if _reached(people, limit.people, part) else None
        long = round(wait) if _reached(wait, limit.waiting_seconds, part) else None
        if many is not None or long is not None:
            found.append(Raised(limit, many, long))
    return tuple(found)


def _reached(number: float | None, limit: int | None, part: float) -> bool:
    return number is not None and limit is not None and number >= part * limit
