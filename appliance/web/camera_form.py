"""What somebody typed about a camera, as the camera's settings. What a person may not see again is never sent back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from appliance.camera_changes import NAME
from appliance.errors import UsageError, VeilsightError
from appliance.language import marked
from appliance.storage import cameras
from appliance.storage.cameras import RATES, Camera, Mounting, check_source, shown_source
from appliance.web.wording import told

# A file of this machine is for the command line: the page would tell which files there are.
USB_CAMERA = re.compile(r"/dev/(video\d{1,3}|v4l/by-(id|path)/[\w:.-]{1,200})", re.ASCII)
MOST_CHARACTERS = 500
MOUNTINGS: tuple[tuple[Mounting, str], ...] = (
    ("oblique", marked("From the side, such as above a door")),
    ("overhead", marked("Straight down from the ceiling")),
)
TRANSPORTS = (("tcp", marked("TCP, nothing is lost")), ("udp", marked("UDP, for cameras that need it")))


class FormProblem(UsageError):
    """A field that can't be taken as it is. `field` is its name in the form."""

    def __init__(self, field: str, sentence: str, /, **values: object) -> None:
        super().__init__(sentence, **values)
        self.field = field


@dataclass(frozen=True)
class CameraForm:
    """The fields as they are shown. There is none for a password: it goes in and never out.

    `found` is where a camera that a search found tells its streams, in the place of a source.
    """

    name: str = ""
    source: str = ""
    username: str = ""
    has_password: bool = False
    transport: str = "tcp"
    mounting: str = "oblique"
    rate: str = ""
    heat_map: bool = False
    vehicle_labels: bool = False
    problem: str = ""
    field: str = ""
    found: str = ""


def form_of(camera: Camera) -> CameraForm:
    return CameraForm(
        camera.name,
        shown_source(camera.source),
        camera.username,
        bool(camera.password),
        camera.transport,
        camera.mounting,
        "" if camera.rate is None else f"{camera.rate:g}",
        camera.heat_map,
        camera.vehicle_labels,
    )


def typed_form(fields: Mapping[str, str], problem: VeilsightError, before: Camera | None = None) -> CameraForm:
    """What was typed, to be corrected. An address that holds a user and a password comes back without them."""
    source = shown_source(fields.get("source", ""))
    return CameraForm(
        before.name if before else fields.get("name", ""),
        re.sub(r"//[^/]*@", "//", source),
        fields.get("username", ""),
        before is not None and bool(before.password),
        fields.get("transport", "tcp"),
        fields.get("mounting", "oblique"),
        fields.get("rate", ""),
        "heat_map" in fields,
        "vehicle_labels" in fields,
        told(problem),
        getattr(problem, "field", ""),
        fields.get("found", ""),
    )


def new_camera(fields: Mapping[str, str]) -> Camera:
    """The camera that a form describes. Raises `FormProblem`."""
    name = fields.get("name", "").strip()
    if not NAME.fullmatch(name):
        raise FormProblem("name", marked("Please give the camera a name of 1 to 40 letters, digits and dashes."))
    source = read_source(fields.get("source", "").strip())
    username, password = fields.get("username", "").strip(), fields.get("password", "")
    if password and not username:
        raise FormProblem("username", marked("Please give the camera's user as well; a password needs one."))
    return _with_options(
        Camera(name, source, _printable("username", username), _printable("password", password)), fields
    )


def changed_camera(before: Camera, fields: Mapping[str, str]) -> Camera:
    """The camera as the form changes it. An empty password keeps the one there was, an empty user removes both.

    A password that is kept goes to the machine it was given for alone: another address needs it anew, or whoever may
    change addresses could have it sent anywhere. Raises `FormProblem`.
    """
    typed = fields.get("source", "").strip()
    source = before.source if typed == shown_source(before.source) else read_source(typed)
    username, password = _printable("username", fields.get("username", "").strip()), fields.get("password", "")
    if not username and password:
        raise FormProblem("username", marked("Please give the camera's user as well; a password needs one."))
    if username and not password and before.password:
        if _machine(source) != _machine(before.source):
            raise FormProblem(
                "password", marked("The address leads to another machine; please type the password once more.")
            )
        password = before.password
    camera = replace(before, source=source, username=username, password=_printable("password", password))
    return _with_options(camera, fields)


def describe_change(before: Camera, after: Camera) -> str:
    """Which settings were changed, for the audit log; of a password only that it was. Empty if none was."""
    names = ("source", "username", "password", "transport", "mounting", "rate", "heat_map", "vehicle_labels")
    return ", ".join(name for name in names if getattr(before, name) != getattr(after, name))


def read_source(text: str) -> str:
    """The address of a camera on the network, or of one at USB. Raises `FormProblem`."""
    if not text:
        raise FormProblem("source", marked("Please give the camera's address, such as rtsp://192.0.2.10/stream."))
    if USB_CAMERA.fullmatch(text):
        return text
    if "://" not in text:
        raise FormProblem(
            "source", marked("That is no camera's address; write it like rtsp://192.0.2.10/stream or /dev/video0.")
        )
    if "***" in text:
        raise FormProblem(
            "source", marked("The address holds a password that is not shown; please type the whole address.")
        )
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise FormProblem(
            "source", marked("Please leave the user and the password out of the address; they have own fields.")
        )
    try:
        return check_source(_printable("source", text))
    except cameras.SourceUnusable as error:
        raise FormProblem("source", error.message, **error.values) from error


def _with_options(camera: Camera, fields: Mapping[str, str]) -> Camera:
    transport, mounting = fields.get("transport", "tcp"), fields.get("mounting", "oblique")
    if transport not in dict(TRANSPORTS) or mounting not in dict(MOUNTINGS):
        raise FormProblem("transport", marked("Please choose one of the possibilities that are offered."))
    return replace(
        camera,
        transport="udp" if transport == "udp" else "tcp",
        mounting="overhead" if mounting == "overhead" else "oblique",
        rate=_rate(fields.get("rate", "").strip()),
        heat_map="heat_map" in fields,
        vehicle_labels="vehicle_labels" in fields,
    )


def _rate(text: str) -> float | None:
    if not text:
        return None
    try:
        rate = float(text.replace(",", "."))
        cameras.check_rate(rate)
    except (ValueError, cameras.RateUnusable) as error:
        sentence = marked("Please give a number of pictures from %(least)s to %(most)s, or leave the field empty.")
        raise FormProblem("rate", sentence, least=f"{RATES[0]:g}", most=f"{RATES[1]:g}") from error
    return rate


def _printable(name: str, text: str) -> str:
    if len(text) > MOST_CHARACTERS or not text.isprintable():
        raise FormProblem(
            name, marked("Please use at most %(number)s printable characters here."), number=MOST_CHARACTERS
        )
    return text


def _machine(source: str) -> tuple[str, str | None, int | None]:
    """Where a password would be sent: the scheme counts too, since some of them do not encrypt it."""
    parts = urlsplit(source)
    return parts.scheme.lower(), parts.hostname or parts.path, parts.port
