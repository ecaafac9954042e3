"""`veilsight report sign`, `notice` and `schema`: the two-layer notice, and the form of a report's facts."""

import argparse
import sys
from pathlib import Path

from appliance.language import CODES
from appliance.settings import Paths, Settings


def register(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    sign = actions.add_parser("sign", help="the notice for the door, to be printed on A4 (EDPB Guidelines 3/2019)")
    sign.add_argument("output", type=Path, metavar="FILE.pdf")
    sign.add_argument("--address", metavar="URL", help="where the QR code leads (default: notice_url, or the page)")
    page = actions.add_parser(
        "notice", help="the notice in full as a page of HTML, for the site's own place on the web"
    )
    page.add_argument("output", type=Path, metavar="FILE.html")
    for parser, run in ((sign, run_sign), (page, run_notice)):
        parser.add_argument("--language", choices=CODES, help="of the document (default: the site's)")
        parser.set_defaults(run=run)
    schema = actions.add_parser("schema", help="print the JSON Schema of the facts that each report has attached")
    schema.set_defaults(run=run_schema)


def run_sign(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.cli.report import settings_of
    from appliance.language import Languages
    from appliance.reports.notice import render_sign
    from appliance.storage.site import open_site

    settings = settings_of(paths, open_site(paths).engine)
    language = Languages().get(options.language or settings.site.language)
    address = options.address or settings.processing.notice_url or _page_address(settings, language.code)
    _write(options.output, render_sign(settings, address, language))
    print(options.output)
    _tell_missing(settings)
    if not options.address and not settings.processing.notice_url:
        print(
            f"The code leads to {address}, which only devices in this site's own network can open; publish the page of "
            "`veilsight report notice` and name its address as notice_url.",
            file=sys.stderr,
        )
    return 0


def run_notice(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.cli.report import settings_of
    from appliance.language import Languages
    from appliance.reports.notice import TITLE, as_page, second_layer
    from appliance.storage import camera_records, cameras
    from appliance.storage.database import reading
    from appliance.storage.site import open_site

    engine = open_site(paths).engine
    settings = settings_of(paths, engine)
    language = Languages().get(options.language or settings.site.language)
    with reading(engine) as connection:
        parts = second_layer(settings, cameras.list_cameras(connection), camera_records.read(connection))
    title = language.gettext(TITLE, site=settings.site.name)
    _write(options.output, as_page(parts, title, language).encode())
    print(options.output)
    _tell_missing(settings)
    return 0


def run_schema(options: argparse.Namespace, paths: Paths) -> int:  # noqa: ARG001
    from appliance.reports.schema import read_schema

    print(read_schema(), end="")
    return 0


def _write(path: Path, content: bytes) -> None:
    from appliance.errors import VeilsightError
    from appliance.files import write_whole

    try:
        write_whole(path, content)
    except OSError as error:
        raise VeilsightError(f"{path} can't be written ({error.strerror}); choose another place.") from error


def _page_address(settings: Settings, language: str) -> str:
    """The appliance's own page, by the first name that the settings give it, else by this machine's name."""
    import socket

    host = settings.web.names[0] if settings.web.names else socket.gethostname()
    return f"https://{host}:{settings.web.port}/notice?language={language}"


def _tell_missing(settings: Settings) -> None:
    from appliance.reports.notice import missing

    left = missing(settings)
    if left:
        print(
            f"Not stated yet, and left open: {', '.join(left)}. State it under [site] and [processing].",
            file=sys.stderr,
        )
