"""Today: how many came and went, and who is where now, in numbers."""

import json
from typing import Any

from flask import Blueprint, Response, jsonify, render_template

from appliance.web.context import WebContext, this_context
from appliance.web.deliveries import describe_failures
from appliance.web.present import present_numbers
from appliance.web.roles import Permission, allows
from appliance.web.streams import MEDIA_TYPE
from appliance.web.wording import this_language

blueprint = Blueprint("today", __name__)


@blueprint.get("/")
@allows(Permission.NUMBERS)
def show() -> str:
    context = this_context()
    return render_template("today.html", today=present_numbers(context), failures=describe_failures(context))


@blueprint.get("/api/today")
@allows(Permission.NUMBERS)
def numbers() -> Response:
    """The same numbers for a script."""
    return jsonify(told(this_context()))


@blueprint.get("/api/today/events")
@allows(Permission.NUMBERS)
def events() -> Response:
    """The same as a server-sent event; `streams` keeps the response open and asks for more of them."""
    context = this_context()
    text = context.newest.get(f"today {this_language().code}", lambda: json.dumps(told(context), separators=(",", ":")))
    return Response(f"retry: 3000\ndata: {text}\n\n", content_type=MEDIA_TYPE)


def told(context: WebContext) -> dict[str, Any]:
    today = present_numbers(context)
    return {
        "values": today.values,
        "hours": today.hours,
        "structure": today.structure,
        "tone": today.tone,
        "tones": today.tones,
    }
