"""The notice in full, the second layer of what people in view of the cameras are told; open to everybody."""

from flask import Blueprint, g, render_template, request

from appliance.language import find_code
from appliance.reports.notice import TITLE, second_layer
from appliance.storage import camera_records, cameras
from appliance.storage.database import reading
from appliance.web.context import this_context
from appliance.web.wording import gettext, this_language

blueprint = Blueprint("notice", __name__)


@blueprint.get("/notice")
def show() -> str:
    """In the language of the address, which a sign's code names, else in that of any page."""
    context = this_context()
    code = find_code(request.args.get("language", ""))
    if code is not None:
        g.language = context.languages.get(code)
    with reading(context.engine) as connection:
        parts = second_layer(context.settings, cameras.list_cameras(connection), camera_records.read(connection))
    return render_template(
        "notice.html",
        title=gettext(TITLE, site=context.settings.site.name),
        parts=parts,
        told=lambda text: this_language().told(text) if hasattr(text, "forms") else text,
    )
