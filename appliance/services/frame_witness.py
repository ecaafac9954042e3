"""How many frames were analysed, shown and covered whole, in the audit log, so that a report can tell of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from appliance.audit.log import Event, append

SUBJECT = "all cameras"


@dataclass(frozen=True, slots=True)
class Frames:
    """Numbers of frames: `analysed` in memory, `shown` to somebody with redaction, and of those `covered` whole."""

    analysed: int = 0
    shown: int = 0
    covered: int = 0

    def __add__(self, other: "Frames") -> "Frames":
        return Frames(self.analysed + other.analysed, self.shown + other.shown, self.covered + other.covered)

    def __sub__(self, other: "Frames") -> "Frames":
        return Frames(self.analysed - other.analysed, self.shown - other.shown, self.covered - other.covered)


class FrameWitness:
    """Writes down each hour, and at the stop, what came since; used by one thread. `total` only grows."""

    def __init__(
        self,
        engine: Engine,
        actor: str,
        total: Callable[[], Frames],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._actor = actor
        self._total = total
        self._clock = clock
        self._told = Frames()
        self._hour = clock().hour

    def tick(self) -> None:
        if self._hour != (hour := self._clock().hour):
            self._hour = hour
            self.record()

    def record(self) -> None:
        """One entry for all cameras, or none where nothing came."""
        total = self._total()
        new = total - self._told
        if new == Frames():
            return
        details: dict[str, str | int] = {"analysed": new.analysed, "shown": new.shown, "covered": new.covered}
        with self._engine.begin() as connection:
            append(connection, Event(self._actor, "frames-processed", SUBJECT, details=details), self._clock())
        self._told = total
