"""Opening and closing of live views, each with its entry in the audit log."""

from collections.abc import Iterable

from sqlalchemy import Connection

from appliance.audit.log import Event, append
from appliance.web.context import WebContext
from appliance.web.sessions import Session
from appliance.web.uploads import LOGGED_OUT, PROGRAM_STOPPED
from appliance.web.views import EndedView, View


def open_view(context: WebContext, session: Session, camera: str, reason: str) -> View:
    """Open a live view. The audit entry is committed before the view can show anything. Raises `TooManyViews`."""
    view = context.views.open(session, camera, reason, context.clock())
    try:
        with context.engine.begin() as connection:
            event = Event(session.user, "view-opened", camera, "redacted-frame", details={"reason": reason})
            append(connection, event, view.opened)
    except BaseException:
        context.views.close(view.identifier, session, context.clock())
        raise
    return view


def close_view(context: WebContext, identifier: str, session: Session) -> None:
    """The viewer is done; nothing happens if the view has ended already."""
    ended = context.views.close(identifier, session, context.clock())
    record_endings(context, (ended,) if ended else ())


def sweep_views(context: WebContext) -> None:
    """End the views whose time is over or whose browser has gone. Called every second by the server."""
    record_endings(context, context.views.take_ended(context.clock()))


def end_views_of(context: WebContext, session: Session) -> None:
    """And what the session has going on besides: the file that is being redacted for it."""
    record_endings(context, context.views.take_all("logged out", context.clock(), session))
    context.uploads.end_of(context.engine, session, LOGGED_OUT, context.clock())


def end_views(context: WebContext) -> None:
    """The program stops: end every view, every connection to the engine, and the upload."""
    record_endings(context, context.views.take_all("program stopped", context.clock()))
    context.uploads.end_of(context.engine, None, PROGRAM_STOPPED, context.clock())
    context.feeds.stop()


def record_endings(context: WebContext, endings: Iterable[EndedView]) -> None:
    """Write the endings into the audit log. If that fails they are kept for the next time, and the error is raised."""
    context.feeds.keep(context.views.watched_cameras())
    endings = tuple(endings)
    if not endings:
        return
    try:
        with context.engine.begin() as connection:
            for ended in endings:
                _append_ending(connection, ended)
    except BaseException:
        context.views.give_back(endings)
        raise


def _append_ending(connection: Connection, ended: EndedView) -> None:
    view = ended.view
    details: dict[str, str | int] = {
        "reason": view.reason,
        "ending": ended.ending,
        "seconds": round((ended.ended - view.opened).total_seconds()),
    }
    append(connection, Event(view.user, "view-closed", view.camera, "redacted-frame", details=details), ended.ended)
