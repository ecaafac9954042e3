"""The form that chooses the language of the pages."""

from datetime import timedelta

from flask import Blueprint, g, redirect, request
from werkzeug.exceptions import BadRequest, Forbidden
from werkzeug.wrappers import Response

from appliance.language import find_code
from appliance.web.security import LOGIN_COOKIE, safe_next
from appliance.web.sessions import same
from appliance.web.wording import LANGUAGE_COOKIE

blueprint = Blueprint("language", __name__)

KEPT = timedelta(days=400)  # No browser keeps a cookie for longer.


@blueprint.post("/language")
def change() -> Response:
    """Also for those who have not logged in yet, so the token is that of the session or of the log-in page."""
    token = g.session.csrf if g.session else request.cookies.get(LOGIN_COOKIE, "")
    if not token or not same(request.form.get("csrf", ""), token):
        raise Forbidden
    code = find_code(request.form.get("language", ""))
    if code is None:
        raise BadRequest
    response = redirect(safe_next(request.form.get("next", "")))
    response.set_cookie(LANGUAGE_COOKIE, code, max_age=KEPT, secure=True, httponly=True, samesite="Strict", path="/")
    return response
