"""Today: how many came and went, and who is where now, in numbers."""

from flask import Blueprint, Response, jsonify, render_template

from appliance.web.context import this_context
from appliance.web.deliveries import describe_failures
from appliance.web.present import present_numbers
from appliance.web.roles import Permission, allows

blueprint = Blueprint("today", __name__)


@blueprint.get("/")
@allows(Permission.NUMBERS)
def show() -> str:
    context = this_context()
    return render_template("today.html", today=present_numbers(context), failures=describe_failures(context))


@blueprint.get("/api/today")
@allows(Permission.NUMBERS)
def numbers() -> Response:
    """The same numbers for the page's script, every few seconds."""
    today = present_numbers(this_context())
    return jsonify(values=today.values, hours=today.hours, structure=today.structure, tone=today.tone)
