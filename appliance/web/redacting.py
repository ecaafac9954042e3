"""Redacting a recording: a file goes in by parts, is redacted by a process of its own, and is taken away."""

import re

from flask import Blueprint, Response, jsonify, render_template, request
from werkzeug.exceptions import BadRequest, Gone, NotFound

from appliance.errors import VeilsightError
from appliance.language import marked
from appliance.vision.redaction_socket import MOST_BYTES, PART_BYTES
from appliance.web.context import WebContext, this_context
from appliance.web.parts import part_response, wanted_offset
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.uploads import CANCELLED, DOWNLOADED, FAILED, REASONS, Asked, Upload, UploadRefused, record
from appliance.web.wording import gettext, told, translated
from appliance.web.words import BROWSER, number

blueprint = Blueprint("redacting", __name__)

# Heads are always covered; what can be chosen besides, with whether it is at first.
CHOICES = {
    "plates": (marked("Number plates"), True),
    "persons": (marked("Whole people, as outlines of solid colour"), False),
    "screens": (marked("Screens and monitors"), False),
    "text": (marked("Anything written"), False),
}
ALWAYS = "faces"
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")
REFERENCE = re.compile(r"[A-Za-z0-9 ._/-]{0,40}")
MEDIA_TYPE = "application/octet-stream"


@blueprint.get("/privacy/redact")
@allows(Permission.REDACTING)
def show() -> str:
    context, session = this_context(), this_session()
    upload = context.uploads.of_session(session)
    if upload is not None and upload.answer.state == "receiving":
        # The page that had the rest of the file is gone.
        context.uploads.end(context.engine, upload, CANCELLED, context.clock())
        upload = None
    return render_template(
        "redact.html",
        reasons=REASONS,
        choices=CHOICES,
        present=upload.identifier if upload else "",
        most=MOST_BYTES // 1024**3,
        part=PART_BYTES,
    )


@blueprint.post("/privacy/redact")
@allows(Permission.REDACTING)
def begin() -> tuple[Response, int]:
    """Take a file on. Says under which name its parts are to come, or what is the matter."""
    context, form = this_context(), request.form
    suffix, reference = form.get("suffix", ""), form.get("reference", "").strip()
    size = form.get("size", 0, type=int)
    if form.get("reason") not in REASONS or not REFERENCE.fullmatch(reference):
        return problem(gettext("Please choose a reason, and write a reference in plain letters and digits or none."))
    if not SUFFIX.fullmatch(suffix) or size <= 0:
        return problem(gettext("Please choose a picture or a video whose name has an ending, such as .mp4 or .jpg."))
    cover = (ALWAYS, *(name for name in CHOICES if name in form.getlist("cover")))
    asked = Asked(suffix, size, cover, form["reason"], reference, form.get("sound") == "keep")
    try:
        upload = context.uploads.begin(context.redaction, context.engine, this_session(), asked, context.clock)
    except VeilsightError as error:
        return problem(told(error))
    return jsonify(identifier=upload.identifier), 200


@blueprint.post("/privacy/redact/<identifier>/parts")
@allows(Permission.REDACTING)
def take_part(identifier: str) -> tuple[Response, int]:
    """The next part of the file, as it is. It is passed on from memory, and nothing here keeps it."""
    context, upload = this_context(), need_upload(identifier)
    request.max_content_length = PART_BYTES
    offset = request.args.get("offset", -1, type=int)
    # Not as a form: werkzeug would put a large field into a file.
    part = request.get_data(cache=False, parse_form_data=False)
    try:
        answer = context.uploads.take(context.engine, upload, offset, part, context.clock())
    except UploadRefused as error:
        return problem(told(error))
    except VeilsightError as error:
        context.uploads.end(context.engine, upload, FAILED, context.clock())
        return problem(told(error))
    return jsonify(received=answer.received), 200


@blueprint.get("/privacy/redact/<identifier>")
@allows(Permission.REDACTING)
def state(identifier: str) -> Response:
    """How far it is, in words; `state` is one of receiving, working, done, failed and over."""
    upload = need_upload(identifier)
    answer = upload.answer
    over = bool(upload.ending) and answer.state != "failed"
    return jsonify(
        state="over" if over else answer.state,
        ending=translated(upload.ending),
        done=answer.done,
        frames=answer.frames,
        problem=translated(answer.problem),
        summary=describe_result(upload) if answer.state == "done" else [],
    )


@blueprint.get("/privacy/redact/<identifier>/result")
@allows(Permission.REDACTING)
def result(identifier: str) -> Response:
    """The redacted file, part by part; it is in the log before the first byte goes, and gone with the last one."""
    context, upload = this_context(), need_upload(identifier)
    answer, offset = upload.answer, wanted_offset()
    if upload.ending or answer.state != "done":
        raise Gone
    if offset == 0:
        now = context.clock()
        record(context.engine, upload, "recording-downloaded", now, answer.size, answer.sha256, BROWSER)
    content = upload.task.part(offset)
    if not content:
        raise BadRequest
    if offset + len(content) >= answer.size:
        context.uploads.end(context.engine, upload, DOWNLOADED, context.clock())
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", upload.asked.reference).strip("-")
    return part_response(content, answer.size, MEDIA_TYPE, f"redacted{'-' if name else ''}{name}{answer.suffix}")


@blueprint.post("/privacy/redact/<identifier>/end")
@allows(Permission.REDACTING)
def end(identifier: str) -> tuple[str, int]:
    """Have the file forgotten now."""
    context = this_context()
    context.uploads.end(context.engine, need_upload(identifier), CANCELLED, context.clock())
    return "", 204


def need_upload(identifier: str) -> Upload:
    context: WebContext = this_context()
    upload = context.uploads.find(identifier, this_session(), context.clock())
    if upload is None:
        raise NotFound
    return upload


def problem(sentence: str) -> tuple[Response, int]:
    return jsonify(problem=sentence), 400


def describe_result(upload: Upload) -> list[str]:
    """What came of the file, in sentences."""
    answer = upload.answer
    sentences = [
        gettext(
            "%(frames)s frames, of which %(covered)s had to be covered whole.",
            frames=number(answer.frames),
            covered=number(answer.covered_frames),
        )
    ]
    if answer.reason:
        sentences.append(gettext("Frames were covered whole: %(reason)s", reason=translated(answer.reason)))
    if answer.stopped:
        sentences.append(translated(answer.stopped))
    if upload.asked.keep_audio:
        sentences.append(gettext("Its sound, if it has any, was kept as it is: voices tell who speaks."))
    return [*sentences, f"SHA-256 {answer.sha256}"]
