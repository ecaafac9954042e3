"""Has a picture redacted through the page, and lets the page look for cameras, as a browser would after visit.py.

Runs inside the root that is tried, with Debian's own Python; prints one JSON object. Arguments: password, picture.
"""

import html
import json
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from visit import ADDRESS, ask, csrf, open_session

REDACT = "/privacy/redact"
SECONDS = 120.0


def main(password: str, picture: str) -> dict[str, object]:
    opener = open_session()
    token = csrf(ask(opener, "/login")[2])
    token = csrf(ask(opener, "/login", csrf=token, name="admin", password=f"{password}-changed")[2])
    return redact(opener, token, Path(picture)) | {"cameras": search(opener, token)}


def redact(opener: urllib.request.OpenerDirector, token: str, picture: Path) -> dict[str, object]:
    content = picture.read_bytes()
    page = ask(opener, REDACT)[2].decode()
    part = int(found_in(r'data-part="(\d+)"', page))
    reason = html.unescape(found_in(r'name="reason" value="([^"]+)"', page))
    fields = {"csrf": token, "suffix": picture.suffix, "size": str(len(content)), "reason": reason, "cover": "plates"}
    identifier = json.loads(ask(opener, REDACT, **fields)[2])["identifier"]
    for offset in range(0, len(content), part):
        send(opener, token, f"{REDACT}/{identifier}/parts?offset={offset}", content[offset : offset + part])
    state: dict[str, Any] = {"state": "working"}
    end = time.monotonic() + SECONDS
    while state["state"] in ("receiving", "working") and time.monotonic() < end:
        time.sleep(0.2)
        state = json.loads(ask(opener, f"{REDACT}/{identifier}")[2])
    if state["state"] != "done":
        raise SystemExit(f"the picture was not redacted: {state}")
    result = ask(opener, f"{REDACT}/{identifier}/result")[2]
    return {"summary": state["summary"], "is_picture": result[:8] == content[:8], "is_other": result != content}


def send(opener: urllib.request.OpenerDirector, token: str, path: str, part: bytes) -> None:
    headers = {"Origin": ADDRESS, "X-CSRF-Token": token, "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(ADDRESS + path, part, headers)  # noqa: S310 - always https
    with opener.open(request, timeout=60):
        pass


def search(opener: urllib.request.OpenerDirector, token: str) -> list[str]:
    """The names of the cameras that the page lists once it has looked."""
    page = ask(opener, "/cameras/search", csrf=token)[2].decode()
    listed = found_in(r'<ul class="found">(.*?)</ul>', page)
    return [html.unescape(name) for name in re.findall(r"<h2>([^<]+)</h2>", listed)]


def found_in(pattern: str, page: str) -> str:
    found = re.search(pattern, page, re.DOTALL)
    if found is None:
        raise SystemExit(f"{pattern} is not on the page:\n{page}")
    return found.group(1)


if __name__ == "__main__":
    try:
        print(json.dumps(main(*sys.argv[1:])))
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{error.url} answered {error.code}\n{error.read().decode(errors='replace')}") from error
