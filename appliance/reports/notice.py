"""The two-layer notice to people in view of the cameras, after Guidelines 3/2019 of the EDPB, paragraphs 111 to 119.

The first layer is a sign for the door, the second a page that its QR code leads to. Both say what the settings state
and what the running system does; what nobody stated is left open on the sign, to be written by hand.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

import segno

from appliance.language import Language, Sentence, counted_sentence, marked, sentence
from appliance.reports.rendering import describe_language, in_language, typeset
from appliance.resources import find_resource
from appliance.settings import Settings
from appliance.storage.camera_records import CameraRecord
from appliance.storage.cameras import Camera

# With this error correction a fifth of the code may be scratched off.
ERROR_CORRECTION = "Q"
TITLE = marked("Cameras at %(site)s: the notice in full")
STATED = {
    "controller": marked("the controller"),
    "contact": marked("how to reach the controller"),
    "purposes": marked("the purposes"),
    "legal_basis": marked("the legal basis"),
}


@dataclass(frozen=True)
class Part:
    """One thing that a layer tells: a heading, and its paragraphs; none where the site has not stated it."""

    heading: Sentence
    paragraphs: tuple[str, ...]


def first_layer(settings: Settings) -> list[Part]:
    """What the sign says, in the order of the guidelines' example."""
    site, stated = settings.site, settings.processing
    return [
        Part(sentence("Who is responsible"), _given(site.controller, site.contact)),
        Part(sentence("Data protection officer"), _given(stated.data_protection_officer)),
        Part(sentence("What for"), _given(stated.purposes)),
        Part(sentence("Legal basis"), _given(stated.legal_basis)),
        Part(sentence("What concerns you most"), (sentence(PICTURES), _kept(settings), sentence(WATCHED))),
        Part(sentence("Your rights"), (sentence(RIGHTS_IN_SHORT),)),
    ]


def second_layer(settings: Settings, cameras: Sequence[Camera], records: dict[str, CameraRecord]) -> list[Part]:
    """All that Art. 13 of the GDPR asks for."""
    site, stated = settings.site, settings.processing
    return [
        Part(sentence("Who is responsible"), _given(site.controller, site.contact)),
        Part(sentence("Data protection officer"), _given(stated.data_protection_officer)),
        Part(sentence("What for, and on which legal basis"), _given(stated.purposes, stated.legal_basis)),
        Part(sentence("What happens with pictures"), (sentence(PICTURES), sentence(WATCHED), sentence(COVERED))),
        Part(sentence("What is kept, and for how long"), (_kept(settings), _anonymous(settings), _log(settings))),
        Part(sentence("Who gets it"), (*_given(stated.recipients), sentence(NOWHERE))),
        Part(sentence("What is not done"), (sentence(NOT_DONE),)),
        Part(sentence("Where the cameras are"), _cameras(cameras, records)),
        Part(sentence("Your rights"), (sentence(RIGHTS), sentence(COMPLAINT), sentence(NOT_FOUND))),
    ]


def missing(settings: Settings) -> list[str]:
    """What the law asks for and the site has not stated, each to be translated."""
    stated = {name: getattr(settings.site, name, getattr(settings.processing, name, "")) for name in STATED}
    return [words for name, words in STATED.items() if not stated[name].strip()]


def render_sign(settings: Settings, address: str, language: Language, now: datetime | None = None) -> bytes:
    """The sign as a page of A4 (PDF/A-3b); its QR code leads to `address`. Raises `RenderingFailed`."""
    facts: dict[str, Any] = {
        "site": settings.site.name,
        "address": address,
        "code": [[int(dark) for dark in row] for row in segno.make(address, error=ERROR_CORRECTION).matrix],
        "parts": [{"heading": part.heading, "paragraphs": list(part.paragraphs)} for part in first_layer(settings)],
    }
    printed = in_language(facts, language)
    code = {"code": json.dumps(printed.pop("code"))}
    inputs = {"language": describe_language(language), **code}
    timestamp = int((now or datetime.now(UTC)).timestamp())
    return typeset(find_resource("templates", "sign.typ"), printed, inputs, timestamp)


def as_page(parts: Sequence[Part], title: str, language: Language) -> str:
    """The second layer as a page of HTML that needs nothing beside it, for the site's own place on the web."""
    body = "".join(
        f"<h2>{escape(language.told(part.heading))}</h2>\n"
        + "".join(f"<p>{escape(in_language(text, language))}</p>\n" for text in part.paragraphs or (_open(language),))
        for part in parts
    )
    return (
        f'<!doctype html>\n<html lang="{language.code}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}</main>\n</body>\n</html>\n"
    )


def _open(language: Language) -> str:
    return language.gettext("Please ask the members of staff.")


STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;margin:0;color:#1b1f24;background:#fff}"
    "main{max-width:42rem;margin:auto;padding:1.5rem}h1{line-height:1.2}h2{margin:2rem 0 .5rem}p{margin:.5rem 0}"
)
PICTURES = marked(
    "A computer in this place counts people and vehicles in the cameras' pictures. It analyses them at once, in "
    "memory, and drops them: no picture is recorded, and none leaves this place."
)
WATCHED = marked(
    "Members of staff may watch live pictures in which faces and number plates are covered; each look is logged."
)
COVERED = marked(
    "Faces and number plates are found by neural networks, which can miss. Where they fail to answer, the whole "
    "picture is covered."
)
NOWHERE = marked("No picture leaves this place, and this system sends nothing to a third country.")
NOT_DONE = marked(
    "Nobody is recognised or followed from camera to camera. No age, sex, mood or other trait is estimated, no "
    "decision about you is made by a machine, and there is no profile of you."
)
RIGHTS_IN_SHORT = marked(
    "You may ask for access, rectification, erasure and restriction, object to the processing, and complain to a "
    "supervisory authority."
)
RIGHTS = marked(
    "You have the right of access to your personal data (Article 15 of the GDPR), of rectification (16), erasure (17) "
    "and restriction (18), and the right to object, on grounds relating to your particular situation, to processing "
    "that rests on a legitimate interest (21). Write to the controller named above."
)
COMPLAINT = marked(
    "You may complain to a supervisory authority, in particular where you live, where you work, or here (Article 77)."
)
NOT_FOUND = marked(
    "Since no picture and no track of anybody is kept, the controller can as a rule not find you in the data of this "
    "system (Article 11). Ask nevertheless if you like."
)


def _given(*texts: str) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())


def _kept(settings: Settings) -> Sentence:
    return counted_sentence(
        "What is kept are anonymous totals, such as how many people came in within an hour, for %(num)s month.",
        "What is kept are anonymous totals, such as how many people came in within an hour, for %(num)s months.",
        settings.retention.metrics_months,
    )


def _anonymous(settings: Settings) -> Sentence:
    mode = settings.anonymity.mode
    if mode == "differential":
        return sentence("Random noise is added to each total before it is stored, so that it tells of no single visit.")
    if mode == "threshold":
        return sentence("Totals below %(k)s are shown to nobody.", k=settings.anonymity.k)
    return sentence("The totals are exact. A total of one says that one person passed; nothing says who.")


def _log(settings: Settings) -> Sentence:
    return counted_sentence(
        "What members of staff do with this system is logged, and kept for %(num)s month.",
        "What members of staff do with this system is logged, and kept for %(num)s months.",
        settings.retention.log_months,
    )


def _cameras(cameras: Sequence[Camera], records: dict[str, CameraRecord]) -> tuple[str, ...]:
    """Their number, and what somebody has written of each; never their names or addresses."""
    running = [camera for camera in cameras if camera.enabled]
    told = [records[camera.name] for camera in running if camera.name in records]
    places = [", ".join(_given(each.location, each.field_of_view)) for each in told]
    number = counted_sentence("%(num)s camera is in use.", "%(num)s cameras are in use.", len(running))
    return (number, *(place for place in places if place))
