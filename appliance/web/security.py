"""Who may ask for what, and the headers that keep a browser from doing anything else with it."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, request, url_for
from werkzeug.exceptions import Forbidden, Unauthorized
from werkzeug.wrappers import Response as BaseResponse

from appliance.audit.log import Event, append
from appliance.storage import tokens
from appliance.storage.database import reading
from appliance.storage.tables import EPOCH
from appliance.storage.users import find
from appliance.web.context import WebContext, this_context
from appliance.web.hosts import require_known_host
from appliance.web.roles import HOME, NotInRole, home_of, may, needed
from appliance.web.sessions import Session, new_token, same
from appliance.web.words import BROWSER

# The __Host- prefix binds a cookie to this very host, over HTTPS and for every path (RFC 6265bis, section 4.1.3).
SESSION_COOKIE = "__Host-veilsight"
LOGIN_COOKIE = "__Host-veilsight-login"
# Everything else needs log-in. What asks for the second factor looks at `g.waiting` itself.
OPEN_ENDPOINTS = frozenset(
    {
        "account.log_in",
        "account.check_log_in",
        "account.ask_code",
        "account.check_code",
        "authority.download",
        "language.change",
        "notice.show",
        "static",
        "health",
    }
)
OWN_PASSWORD_ENDPOINTS = frozenset({"own_account.show", "own_account.change_password", "account.log_out"})
CHECK_USER_EVERY = timedelta(seconds=10)
# Where other programs ask, by a token that they send with each request (RFC 6750); nowhere else is one looked at.
API = "/api/v1/"
TOKEN_USER = "token:"  # noqa: S105 - how the audit log calls a token
NOTE_USE_EVERY = timedelta(hours=1)
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)
# A report is shown within a page of its own: that page may have it in a frame, and the PDF may be in one.
FRAME_POLICIES = {
    "reports.view": f"{POLICY}; frame-src 'self'",
    "reports.document": POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'").replace(
        "object-src 'none'", "object-src 'self'"
    ),
}
HEADERS = {
    # The authority's key is this machine's: nothing but HTTPS is ever spoken at its names. Browsers ignore it where the
    # certificate is not trusted, and at an address.
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=()",
}


def protect(app: Flask, names: Iterable[str]) -> None:
    """Put the checks of host, log-in, CSRF token and role before every request and the security headers after it.

    The host must be one of `names`, or an address.
    """
    app.before_request(partial(require_known_host, frozenset(names)))
    app.before_request(require_session)
    app.before_request(require_csrf_token)
    app.before_request(require_permission)
    app.after_request(add_headers)


def require_session() -> BaseResponse | None:
    """Find the session; without one only the open endpoints answer (others do not even tell whether they exist)."""
    context = this_context()
    g.waiting = None
    if request.path.startswith(API) and "Authorization" in request.headers:
        g.session = token_session(context)
        if g.session is None:
            raise Unauthorized
        return None
    identifier = request.cookies.get(SESSION_COOKIE, "")
    g.session = context.sessions.find(identifier, context.clock()) if identifier else None
    if g.session is not None and not still_stands(context, g.session):
        context.sessions.close(identifier)
        g.session = None
    if g.session is not None and g.session.awaits == "code":
        g.waiting, g.session = g.session, None
    if g.session is not None or request.endpoint in OPEN_ENDPOINTS:
        return None
    if request.method in SAFE_METHODS and not wants_data():
        return redirect(url_for("account.log_in", next=request.full_path.rstrip("?")))
    raise Unauthorized


def token_session(context: WebContext) -> Session | None:
    """A session for this request alone, with the role of the token; None without a good token.

    What is asked for with it is written down the first time in each hour.
    """
    given, now = request.authorization, context.clock()
    if given is None or given.type != "bearer" or not given.token:
        return None
    with reading(context.engine) as connection:
        token = tokens.find(connection, given.token, now)
    if token is None:
        return None
    session = Session(f"{TOKEN_USER}{token.name}", token.role, "", "", new_token(), now, now, now)
    key = (token.name, request.endpoint or "")
    if may(token.role, needed(current_app, key[1])) and now - context.token_uses.get(key, EPOCH) >= NOTE_USE_EVERY:
        context.token_uses[key] = now
        with context.engine.begin() as connection:
            append(connection, Event(session.user, "token-used", key[1], details={"role": token.role.value}), now)
    return session


def taken_to() -> str:
    """Where the audit log says that something goes which is taken away in this request."""
    return "api" if this_session().user.startswith(TOKEN_USER) else BROWSER


def still_stands(context: WebContext, session: Session) -> bool:
    """Whether the user is still there, with the same password and second factor; looked up every few seconds.

    The role is looked up with it.
    """
    if context.clock() - session.checked < CHECK_USER_EVERY:
        return True
    with reading(context.engine) as connection:
        user = find(connection, session.user)
    session.checked = context.clock()
    if user is None or session.stamp not in ("", user.stamp):
        return False
    session.role = user.role
    return True


def wants_data() -> bool:
    """Whether a script asks, not a person: it gets a status code, not a page to log in on."""
    return request.headers.get("Sec-Fetch-Dest", "document") != "document" or request.path.startswith("/api/")


def require_csrf_token() -> None:
    """Every change must carry the session's token, in a field or, with a body that is no form, in a header.

    The log-in form checks its own (see account.py).
    """
    if request.method in SAFE_METHODS or request.endpoint is None or request.endpoint in OPEN_ENDPOINTS:
        return
    if not same(request.headers.get(CSRF_HEADER) or request.form.get("csrf", ""), this_session().csrf):
        raise Forbidden


def require_permission() -> BaseResponse | None:
    """Refuse what the role does not include, and every route that declares no permission; once a session it is logged.

    At the address of the site itself each role gets its own first page.
    """
    endpoint = request.endpoint
    if endpoint is None or endpoint in OPEN_ENDPOINTS:
        return None
    context, session = this_context(), this_session()
    if session.awaits == "password" and endpoint not in OWN_PASSWORD_ENDPOINTS:
        return redirect(url_for("own_account.show"))
    if may(session.role, needed(current_app, endpoint)):
        return None
    if endpoint == HOME:
        return redirect(url_for(home_of(session.role)))
    if endpoint not in session.refused:
        session.refused.add(endpoint)
        with context.engine.begin() as connection:
            event = Event(session.user, "access-refused", endpoint, details={"role": session.role.value})
            append(connection, event, context.clock())
    raise NotInRole


def this_session() -> Session:
    """The session of the present request; only for endpoints that need log-in."""
    session = g.session
    assert isinstance(session, Session)  # noqa: S101 - require_session has seen to it
    return session


def add_headers(response: Response) -> Response:
    """Security headers, no caching of what needed log-in, and a body in one part (see server.py)."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    if request.endpoint in FRAME_POLICIES:
        response.headers["Content-Security-Policy"] = FRAME_POLICIES[request.endpoint]
    if request.endpoint == "reports.document":
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
    if request.host.partition(":")[0] == "localhost":
        # There other programs of this machine may speak plain HTTP.
        del response.headers["Strict-Transport-Security"]
    if request.endpoint == "static":
        response.headers["Cache-Control"] = "public, max-age=3600"
    else:
        response.headers["Cache-Control"] = "no-store"
    response.direct_passthrough = False
    response.set_data(response.get_data())
    return response


def safe_next(target: str) -> str:
    """`target` if it is a path of this site, otherwise Today: the log-in page sends nobody elsewhere."""
    parts = urlsplit(target)
    is_path = target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if is_path and not parts.scheme and not parts.netloc else url_for("today.show")
