"""Who is looking at which camera, why and since when. The register is what the audit log's entries are written from."""

import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from appliance.language import marked
from appliance.web.sessions import Session

TIME_LIMIT = timedelta(minutes=10)
# A browser that shows the view asks for a picture many times a second; one that has gone asks no more.
GONE_AFTER = timedelta(seconds=30)
MOST_VIEWS = 12

SETTING_UP = marked("Setting up a line or a zone")
CHECKING = marked("Checking that people are counted right")
REASONS = (
    marked("Safety of customers or staff"),
    CHECKING,
    SETTING_UP,
    marked("Looking into a technical fault"),
    marked("Training or demonstration"),
)
TOO_MANY_VIEWS = marked("Too many live views are open. Please close one, or wait until one has ended.")

Ending = Literal["closed by the viewer", "time limit", "browser gone", "logged out", "program stopped"]


@dataclass(frozen=True)
class View:
    """One open live view. `session` is the key of the session it was opened in; only that one may see it.

    `last_request` is when its browser last asked for a picture.
    """

    identifier: str
    session: str
    user: str
    camera: str
    reason: str
    opened: datetime
    last_request: datetime

    @property
    def ends(self) -> datetime:
        return self.opened + TIME_LIMIT


@dataclass(frozen=True)
class EndedView:
    view: View
    ended: datetime
    ending: Ending


class TooManyViews(Exception):
    """`MOST_VIEWS` views are open already."""


class ViewRegister:
    """The open live views. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._views: dict[str, View] = {}
        self._returned: list[EndedView] = []

    def open(self, session: Session, camera: str, reason: str, now: datetime) -> View:
        """Raises `TooManyViews`."""
        view = View(secrets.token_urlsafe(16), session.key, session.user, camera, reason, now, now)
        with self._lock:
            if len(self._views) >= MOST_VIEWS:
                raise TooManyViews
            self._views[view.identifier] = view
        return view

    def touch(self, identifier: str, session: Session, now: datetime) -> View | None:
        """The open view of this session, marked as asked for now; None if it has ended or is not of this session."""
        with self._lock:
            view = self._views.get(identifier)
            if view is None or view.session != session.key or _ending(view, now):
                return None
            self._views[identifier] = view = replace(view, last_request=now)
            return view

    def close(self, identifier: str, session: Session, now: datetime) -> EndedView | None:
        """The viewer closes the view; None if it has ended already."""
        with self._lock:
            view = self._views.get(identifier)
            if view is None or view.session != session.key:
                return None
            del self._views[identifier]
        return EndedView(view, now, "closed by the viewer")

    def take_ended(self, now: datetime) -> tuple[EndedView, ...]:
        """Remove and return the views whose time is over or whose browser has gone, and those given back."""
        with self._lock:
            ended = [(view, _ending(view, now)) for view in self._views.values()]
            return self._take([EndedView(view, now, ending) for view, ending in ended if ending])

    def take_all(self, ending: Ending, now: datetime, session: Session | None = None) -> tuple[EndedView, ...]:
        """Remove and return every view, or every view of one session, and those given back."""
        with self._lock:
            chosen = [view for view in self._views.values() if session is None or view.session == session.key]
            return self._take([EndedView(view, now, ending) for view in chosen])

    def give_back(self, endings: Iterable[EndedView]) -> None:
        """The endings could not be recorded; the next call of a `take_` function returns them once more."""
        with self._lock:
            self._returned.extend(endings)

    def _take(self, endings: list[EndedView]) -> tuple[EndedView, ...]:
        for each in endings:
            del self._views[each.view.identifier]
        taken, self._returned = (*self._returned, *endings), []
        return taken

    def watched_cameras(self) -> frozenset[str]:
        with self._lock:
            return frozenset(view.camera for view in self._views.values())


def _ending(view: View, now: datetime) -> Ending | None:
    if now >= view.ends:
        return "time limit"
    return "browser gone" if now - view.last_request >= GONE_AFTER else None
