"""The API's operations about how the site is set up, in the blueprint of the others."""

from flask import Response
from werkzeug.exceptions import NotFound

from appliance.storage import camera_records, cameras, floor_plan, users
from appliance.storage.answers import STATED, STATED_SITE
from appliance.storage.camera_records import CameraRecord
from appliance.storage.database import reading
from appliance.web.api import set_up_shapes as shapes
from appliance.web.api.describing import Operation, answer, describes
from appliance.web.api.site_routes import blueprint
from appliance.web.context import this_context
from appliance.web.places import shapes_of
from appliance.web.roles import Permission, allows

__all__ = ["blueprint"]


@blueprint.get("/cameras/<name>/places")
@allows(Permission.CAMERAS)
@describes(Operation(shapes.CameraPlaces))
def camera_places(name: str) -> Response:
    """The lines, zones, privacy masks and ignored regions that are drawn on a camera's picture."""
    with reading(this_context().engine) as connection:
        camera = cameras.get(connection, name)
    if camera is None:
        raise NotFound(f"There is no camera {name!r}.")
    return answer(shapes.CameraPlaces(shapes_of(camera)))


@blueprint.get("/floor/plan")
@allows(Permission.NUMBERS)
@describes(Operation(shapes.Plan))
def plan() -> Response:
    """The floor plan that somebody drew, and where the cameras' floors lie on it."""
    with reading(this_context().engine) as connection:
        return answer(shapes.Plan(floor_plan.read(connection)))


@blueprint.get("/users")
@allows(Permission.ADMINISTRATION)
@describes(Operation(shapes.Users))
def user_list() -> Response:
    """Who may log in, and with which role."""
    with reading(this_context().engine) as connection:
        known = users.list_users(connection)
    return answer(
        shapes.Users(
            [
                shapes.User(each.name, each.role, each.created, each.password_expires, each.has_second_factor)
                for each in known
            ]
        )
    )


@blueprint.get("/processing")
@allows(Permission.REPORTS)
@describes(Operation(shapes.Processing))
def processing() -> Response:
    """What the site states of its processing and of its cameras, for the record and the notice."""
    context = this_context()
    with reading(context.engine) as connection:
        known, records = cameras.list_cameras(connection), camera_records.read(connection)
    stated = {name: getattr(context.settings.site, name) for name in STATED_SITE}
    stated |= {name: getattr(context.settings.processing, name) for name in STATED}
    said = [records.get(camera.name, CameraRecord(camera.name)) for camera in known]
    told = [
        shapes.CameraStated(each.camera, each.location, each.field_of_view, each.signs, each.signs_seen)
        for each in said
    ]
    return answer(shapes.Processing(**stated, cameras=told))
