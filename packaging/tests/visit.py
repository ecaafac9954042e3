"""Visits the page as a browser would: logs in, opens a live view, builds and downloads a report.

Runs inside the root that is tried, with Debian's own Python; prints one JSON object. Arguments: password, camera, day.
"""

import json
import re
import socket
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

ADDRESS = "https://localhost:8443"
AUTHORITY = "/var/lib/veilsight/tls/authority.pem"
PICTURES_ASKED = 60
START_SECONDS = 60.0
BUILD_SECONDS = 90.0


def main(password: str, camera: str, day: str) -> dict[str, object]:
    opener = open_session()
    wait_for_page()
    token = csrf(ask(opener, "/login")[2])
    _, address, today = ask(opener, "/login", csrf=token, name="admin", password=password)
    # The first password opens nothing but the change of it.
    own = f"{password}-changed"
    form = {"csrf": csrf(today), "password": password, "new": own, "again": own}
    ask(opener, "/account/password", **form)
    _, address, today = ask(opener, "/")
    token = csrf(today)
    reason = "Training or demonstration"
    view = ask(opener, "/live", csrf=token, camera=camera, reason=reason)[1]
    picture = first_picture(opener, urllib.parse.urlsplit(view).path)
    identifier = view.rpartition("/")[2]
    ask(opener, "/live/close", csrf=token, view=identifier)
    ask(opener, "/reports", csrf=token, **{"from": day, "to": day})
    report = first_report(opener)
    return {
        "after_login": address,
        "shows_camera": camera in today.decode(),
        "picture_bytes": len(picture),
        "picture_is_jpeg": picture.startswith(b"\xff\xd8\xff"),
        "report_is_pdf": report.startswith(b"%PDF-"),
    }


def open_session() -> urllib.request.OpenerDirector:
    """A browser's cookies and its trust in the page's certificate, without the machine's proxies."""
    context = ssl.create_default_context(cafile=AUTHORITY)
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPCookieProcessor(),
    )


def wait_for_page() -> None:
    """Until the page accepts connections, which after a boot takes it a few seconds."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("localhost", 8443), timeout=5).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


def ask(opener: urllib.request.OpenerDirector, path: str, **fields: str) -> tuple[int, str, bytes]:
    """The status, the final address and the body; a POST if there are fields."""
    data = urllib.parse.urlencode(fields).encode() if fields else None
    request = urllib.request.Request(ADDRESS + path, data, {"Origin": ADDRESS})  # noqa: S310 - always https
    with opener.open(request, timeout=60) as response:
        return response.status, response.url, response.read()


def first_picture(opener: urllib.request.OpenerDirector, view: str) -> bytes:
    """The first picture of a live view; each request waits for one for a second."""
    for _ in range(PICTURES_ASKED):
        status, _, body = ask(opener, f"{view}/frame?after=0")
        if status == 200:
            return body
    return b""


def first_report(opener: urllib.request.OpenerDirector) -> bytes:
    """The newest report, once it is built; the page tells of it until then."""
    end = time.monotonic() + BUILD_SECONDS
    while time.monotonic() < end:
        path = re.search(r'href="(/reports/[^"]+/pdf)"', ask(opener, "/reports")[2].decode())
        if path:
            return ask(opener, path.group(1))[2]
        time.sleep(0.5)
    return b""


def csrf(page: bytes) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.decode())
    if found is None:
        raise SystemExit(f"no form on the page:\n{page.decode()}")
    return found.group(1)


if __name__ == "__main__":
    try:
        print(json.dumps(main(*sys.argv[1:])))
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{error.url} answered {error.code}\n{error.read().decode(errors='replace')}") from error
