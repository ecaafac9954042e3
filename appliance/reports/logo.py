"""The site's logo, from a file of the settings: SVG alone, so that a report holds no picture made of pixels at all."""

import re
from pathlib import Path
from xml.etree import ElementTree

from appliance.errors import UsageError

MOST_BYTES = 200_000
SVG = "{http://www.w3.org/2000/svg}"
# What could hold a picture, run, or fetch something.
FORBIDDEN = frozenset({"image", "script", "foreignObject", "feImage", "iframe"})
LINKS = ("href", "{http://www.w3.org/1999/xlink}href")


class LogoUnusable(UsageError):
    """The logo can't be printed; a report is then built without it."""


def read_logo(name: str, folder: Path) -> str:
    """The SVG's text, empty where none is named; a relative name is looked for in `folder`. Raises `LogoUnusable`."""
    if not name:
        return ""
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LogoUnusable(f"The logo {path} can't be read ({error.strerror}); correct `logo` in [site].") from error
    if len(content) > MOST_BYTES:
        raise LogoUnusable(f"The logo {path} is larger than {MOST_BYTES // 1000} kB; make it simpler.")
    text = content.decode("utf-8", "replace")
    # Entities could grow without end; none are needed.
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise LogoUnusable(f"The logo {path} has a document type or entities; save it as plain SVG.")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - it has neither entities nor a document type
    except ElementTree.ParseError as error:
        raise LogoUnusable(f"The logo {path} is no SVG ({error}); save it as plain SVG.") from error
    if root.tag != f"{SVG}svg":
        raise LogoUnusable(f"The logo {path} is no SVG; a report holds no picture made of pixels.")
    for element in root.iter():
        tag = str(element.tag).rpartition("}")[2]
        if tag in FORBIDDEN or any(not element.get(link, "#").startswith("#") for link in LINKS):
            raise LogoUnusable(f"The logo {path} holds a <{tag}> or a link, which a report may not; save plain shapes.")
    return text
