"""When something costly is due that has to be done at least every so often."""


class Interval:
    """For pictures of one camera or recording in their order, of which several may be begun before one is finished.

    `seconds` 0 means every picture.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun: float | None = None
        self._finished: float | None = None

    def begin(self, now: float) -> bool:
        """Whether it is due at this picture's time (seconds, monotonic); if so, it counts as begun."""
        due = self._is_due(self._begun, now)
        if due:
            self._begun = now
        return due

    def overdue(self, now: float) -> bool:
        """Whether it is due since what was begun before has failed."""
        return self._is_due(self._finished, now)

    def finish(self, now: float) -> None:
        self._finished = now

    def forget(self) -> None:
        """It is due with the next picture."""
        self._begun = self._finished = None

    @property
    def ever_finished(self) -> bool:
        return self._finished is not None

    def _is_due(self, last: float | None, now: float) -> bool:
        return last is None or not 0 <= now - last < self._seconds
