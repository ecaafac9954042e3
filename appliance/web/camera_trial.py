"""The test of a camera, which the engine makes: the web program itself reaches no camera."""

import msgspec
from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response as BaseResponse

from appliance.errors import VeilsightError
from appliance.language import marked
from appliance.vision.live import LiveClient
from appliance.web.cameras import need_camera
from appliance.web.context import this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.sentences import Parts
from appliance.web.wording import gettext, ngettext, this_language, told, translated

blueprint = Blueprint("camera_trial", __name__)


class TrialFailed(VeilsightError):
    """The camera could not be tried; the message says why."""


class Trial(msgspec.Struct, frozen=True):
    """What a camera sent, as the engine tells it (`vision.trial.Trial`), or an `error`, with what it is made of."""

    error: str = ""
    sentence: Parts | None = None
    width: int = 0
    height: int = 0
    codec: str = ""
    decoder: str = ""
    decoder_reason: str = ""
    transport: str = ""
    frame_rate: float = 0.0
    first_frame_seconds: float = 0.0
    latency_seconds: float | None = None
    latency_note: str = ""
    damaged_frames: int = 0


@blueprint.post("/cameras/<name>/test")
@allows(Permission.CAMERAS)
def test(name: str) -> BaseResponse:
    """Takes some seconds; the engine tries one camera at a time, so that no more than one page waits."""
    context, session = this_context(), this_session()
    need_camera(context, name)
    try:
        session.say("good", describe_trial(name, try_camera(context.live, name)))
    except VeilsightError as error:
        session.say("bad", told(error))
    return redirect(url_for("cameras.settings", name=name))


def try_camera(live: LiveClient, name: str) -> Trial:
    """Raises `TrialFailed`, and `LiveUnavailable` where no engine runs."""
    try:
        trial = msgspec.convert(live.trial(name), Trial)
    except msgspec.ValidationError as error:
        raise TrialFailed(
            marked("The engine's answer can't be read; are both programs of the same version?")
        ) from error
    if trial.error:
        raise TrialFailed(this_language().told(trial.sentence.sentence()) if trial.sentence else trial.error)
    return trial


def describe_trial(name: str, trial: Trial) -> str:
    language, transport = this_language(), trial.transport.upper()
    codec = trial.codec
    if transport:
        codec = gettext("%(codec)s over %(transport)s", codec=codec, transport=transport)
    sentences = [
        gettext(
            "%(camera)s sends %(width)s by %(height)s pixels, %(codec)s, %(rate)s pictures a second; the first came "
            "after %(seconds)s s.",
            camera=name,
            width=trial.width,
            height=trial.height,
            codec=codec,
            rate=language.decimal(trial.frame_rate),
            seconds=language.number(trial.first_frame_seconds, 1),
        )
    ]
    if trial.decoder_reason:
        why = translated(trial.decoder_reason)
        sentences.append(gettext("It is decoded by the processor: %(why)s.", why=why))
    elif trial.decoder:
        sentences.append(gettext("It is decoded by hardware (%(kind)s).", kind=trial.decoder))
    if trial.latency_seconds is None:
        sentences.append(gettext("How late its pictures are is not known: %(why)s.", why=trial.latency_note))
    else:
        late = language.number(trial.latency_seconds, 2)
        sentences.append(gettext("Its pictures arrive %(seconds)s s after they were taken.", seconds=late))
    if trial.damaged_frames:
        sentences.append(
            ngettext(
                "%(num)s picture was damaged: it is covered wholly wherever it is shown.",
                "%(num)s pictures were damaged: they are covered wholly wherever they are shown.",
                trial.damaged_frames,
            )
        )
    return " ".join(sentences)
