"""A running site as its file (`services.site_file`), without anything secret, for another store or for keeping."""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection

from appliance.destinations import Destination, Sendable
from appliance.report_schedule import ReportSchedule
from appliance.services.site_applying import as_tables, dump
from appliance.services.site_file import HIDDEN, OwnTables, UserEntry, camera_entry
from appliance.settings import Settings
from appliance.storage import answers, camera_records, cameras, destination_secrets, users
from appliance.storage.camera_records import CameraRecord

HEADER = """\
# A Veilsight site. Another one is set up alike with this as /etc/veilsight/site.toml before the package is installed,
# or later by `veilsight site apply FILE`. Nothing secret is in it; what is left out:
"""


def export(connection: Connection, filed: Settings) -> str:
    """The site as TOML: settings that are not at their default, users, cameras. `filed` are the settings file's."""
    settings = answers.answered(filed, answers.read(connection))
    places = tuple(_without_token(each) for each in settings.destinations)
    gone = tuple(each for each in settings.reports if not _has_place(each, settings))
    kept = tuple(_to_places(each, settings) for each in settings.reports if each not in gone)
    tables = as_tables(msgspec.structs.replace(settings, destinations=places, reports=kept))
    found, records = cameras.list_cameras(connection), camera_records.read(connection)
    known = tuple(UserEntry(each.name, each.role) for each in users.list_users(connection))
    tables |= as_tables(
        OwnTables(known, tuple(camera_entry(each, records.get(each.name, CameraRecord(each.name))) for each in found))
    )
    left_out = (
        *("the password of each user; setting up prints a new one for each" for _ in known[:1]),
        *(f"the password of the camera {each.name}" for each in found if _has_password(each)),
        *(f"the secret of the destination {name}" for name in destination_secrets.list_secrets(connection)),
        *_tokens(settings),
        *(f"the schedule {each.name}, whose destinations are gone" for each in gone),
    )
    return HEADER + "".join(f"# - {each}\n" for each in left_out or ("nothing",)) + "\n" + dump(tables)


def _has_place(schedule: ReportSchedule, settings: Settings) -> bool:
    """Whether any destination that the schedule names is there; one that names none means all of them."""
    return not schedule.destinations or bool(_to_places(schedule, settings).destinations)


def _to_places(schedule: ReportSchedule, settings: Settings) -> ReportSchedule:
    """The schedule without destinations that have gone since somebody chose them on the page."""
    known = {each.name for each in settings.destinations if each.takes(Sendable.REPORT)}
    return msgspec.structs.replace(
        schedule, destinations=tuple(each for each in schedule.destinations if each in known)
    )


def _has_password(camera: cameras.Camera) -> bool:
    return bool(camera.password) or cameras.shown_source(camera.source) != camera.source


def _without_token(place: Destination) -> Destination:
    """An https address may end in a token."""
    if place.kind != "https" or (place.parts.path in ("", "/") and not place.parts.query):
        return place
    return msgspec.structs.replace(place, url=f"https://{place.parts.netloc}/{HIDDEN}")


def _tokens(settings: Settings) -> Iterator[str]:
    for place in settings.destinations:
        if _without_token(place) != place:
            yield f"the path of the destination {place.name}, which may hold a token"
