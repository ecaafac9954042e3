"""For the record: what the site states of its processing and its cameras, and the sign for the door."""

from dataclasses import asdict, dataclass, replace

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from appliance.audit.log import Event, append
from appliance.camera_changes import describe_camera
from appliance.errors import UsageError
from appliance.language import choose, find_code, marked
from appliance.reports.notice import missing, render_sign
from appliance.settings import Settings
from appliance.storage import answers, camera_records, cameras
from appliance.storage.answers import STATED, STATED_SITE
from appliance.storage.camera_records import TEXTS, CameraRecord
from appliance.storage.database import reading
from appliance.web.context import this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.wording import gettext, this_language, told, translated
from appliance.web.words import attachment

blueprint = Blueprint("record", __name__)

SUBJECT = "record of processing"
# Each field's name in the settings, what it is called, and an example or explanation.
FIELDS = (
    ("controller", marked("Controller"), marked("Who answers for the cameras: name and postal address.")),
    ("contact", marked("Contact"), marked("An e-mail address or telephone number for questions and requests.")),
    ("data_protection_officer", marked("Data protection officer"), marked("Name and address, if there is one.")),
    ("purposes", marked("Purposes"), marked("What you count people for, such as to plan staff and opening hours.")),
    (
        "legal_basis",
        marked("Legal basis"),
        marked("Such as a legitimate interest, Article 6(1)(f) of the GDPR, and which."),
    ),
    ("recipients", marked("Recipients"), marked("Who gets counts and reports, besides the destinations of Delivery.")),
    (
        "notice_url",
        marked("Address of the full notice"),
        marked("A page of yours that customers can open; the code on the sign leads there."),
    ),
)


@dataclass(frozen=True)
class Field:
    """A field of the form; one that the settings file fills can't be changed here."""

    name: str
    label: str
    help: str
    value: str
    fixed: bool


@blueprint.get("/reports/record")
@allows(Permission.REPORTS)
def show() -> str:
    context = this_context()
    with reading(context.engine) as connection:
        known, records = cameras.list_cameras(connection), camera_records.read(connection)
    return render_template(
        "record.html",
        fields=fields_of(context.settings, context.filed or context.settings),
        records=[records.get(camera.name, CameraRecord(camera.name)) for camera in known],
        missing=[translated(words) for words in missing(context.settings)],
        own_address=not context.settings.processing.notice_url,
        today=context.clock().astimezone(context.settings.site.zone).date().isoformat(),
        longest=camera_records.LONGEST_TEXT,
    )


@blueprint.post("/reports/record")
@allows(Permission.BUILDING)
def state() -> BaseResponse:
    """Keep what is stated of the processing; fields of the settings file stay as they are there."""
    context, session = this_context(), this_session()
    given = {name: request.form.get(name, "").strip() for name, *_ in FIELDS if name in request.form}
    try:
        with context.engine.begin() as connection:
            before = answers.read(connection)
            now = replace(before, **given)
            answers.write(connection, now)
            changed = [name for name, value in asdict(now).items() if value != getattr(before, name)]
            if changed:
                details = {"change": ", ".join(changed)}
                append(
                    connection,
                    Event(session.user, "settings-changed", SUBJECT, "configuration", details=details),
                    context.clock(),
                )
    except UsageError as problem:
        session.say("warn", told(problem))
    else:
        context.take_answers(now)
        session.say("good", gettext("It is noted, and stands in the next report."))
    return redirect(url_for("record.show"))


@blueprint.post("/reports/record/<name>")
@allows(Permission.BUILDING)
def describe(name: str) -> BaseResponse:
    """Keep what is stated of one camera."""
    context, session = this_context(), this_session()
    given = {field: request.form.get(field, "").strip() for field in (*TEXTS, "signs_seen")}
    try:
        with context.engine.begin() as connection:
            describe_camera(connection, session.user, CameraRecord(name, **given))
    except UsageError as problem:
        session.say("warn", told(problem))
    else:
        session.say("good", gettext("%(camera)s: it is noted, and stands in the next report.", camera=name))
    return redirect(url_for("record.show"))


@blueprint.get("/reports/sign")
@allows(Permission.REPORTS)
def sign() -> Response:
    """The sign for the door as PDF, in the language that is asked for."""
    context = this_context()
    code = choose((find_code(request.args.get("language", "")), this_language().code))
    address = context.settings.processing.notice_url or url_for("notice.show", language=code, _external=True)
    content = render_sign(context.settings, address, context.languages.get(code), context.clock())
    return attachment(content, "application/pdf", f"veilsight-sign-{code}.pdf")


def fields_of(settings: Settings, filed: Settings) -> list[Field]:
    def value(of: Settings, name: str) -> str:
        return str(getattr(of.site if name in STATED_SITE else of.processing, name))

    assert {name for name, *_ in FIELDS} == {*STATED_SITE, *STATED}  # noqa: S101 - both tables are this program's
    return [
        Field(name, translated(label), translated(text), value(settings, name), bool(value(filed, name)))
        for name, label, text in FIELDS
    ]
