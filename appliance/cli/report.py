"""`veilsight report`: build, list, verify and deliver compliance reports."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.cli import notice
from appliance.language import CODES
from appliance.settings import Paths, Settings, load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    report = commands.add_parser("report", help="compliance reports: build, list, verify, deliver")
    actions = report.add_subparsers(title="actions", metavar="ACTION", required=True)
    build = actions.add_parser("build", help="build and sign the report of a period")
    build.add_argument("--from", dest="first", metavar="DATE", required=True, help="first day, such as 2026-10-01")
    build.add_argument("--to", dest="last", metavar="DATE", required=True, help="last day, included")
    build.add_argument("--language", choices=CODES, help="of the document (default: the site's)")
    build.add_argument("--json", action="store_true", help="print one JSON object")
    build.set_defaults(run=run_build)
    listing = actions.add_parser("list", help="list the reports that were built, the newest first")
    listing.add_argument("--json", action="store_true", help="print one JSON object a line")
    listing.set_defaults(run=run_list)
    verify = actions.add_parser("verify", help="check a report; needs only the PDF and the site's public key")
    verify.add_argument("file", type=Path, metavar="FILE", help="the report; FILE.sig is checked, too, if it is there")
    verify.add_argument("--public-key", type=Path, metavar="FILE", help="the site's signing.pub (default: this site's)")
    verify.add_argument(
        "--earlier",
        type=Path,
        metavar="FILE",
        action="append",
        default=[],
        help="an earlier report, or a saved checkpoint: is everything that it fixes still in the log? (repeatable)",
    )
    verify.add_argument("--json", action="store_true", help="print one JSON object")
    verify.set_defaults(run=run_verify)
    deliver = actions.add_parser("deliver", help="send waiting reports to the configured destinations now")
    deliver.set_defaults(run=run_deliver)
    notice.register(actions)


def settings_of(paths: Paths, engine: "Engine") -> Settings:
    """The settings file's, with what was answered on the page."""
    from appliance.storage import answers
    from appliance.storage.database import reading

    with reading(engine) as connection:
        return answers.answered(load_settings(paths.settings_file), answers.read(connection))


def run_build(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.reports.build import build_report
    from appliance.reports.period import parse_date
    from appliance.storage.site import open_site

    first, last = parse_date(options.first), parse_date(options.last)
    site = open_site(paths)
    settings = settings_of(paths, site.engine)
    built = build_report(paths, settings, site.engine, first, last, actor="command line", language=options.language)
    if options.json:
        print(json.dumps({"report": str(built.path), "bytes": built.byte_count, "sha256": built.sha256}))
    else:
        print(f"{built.path}\n{built.path}.sig")
    return 0


def run_list(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.reports.build import list_reports
    from appliance.storage.site import open_site

    engine = open_site(paths).engine
    reports = list_reports(engine, paths)
    zone = settings_of(paths, engine).site.zone
    for report in reports:
        if options.json:
            line = {
                "name": report.name,
                "from": report.first.isoformat(),
                "to": report.last.isoformat(),
                "built": report.built.isoformat(),
                "by": report.actor,
                "bytes": report.byte_count,
                "sha256": report.sha256,
                "schedule": report.schedule,
                "state": report.state,
                "checked": report.checked.isoformat() if report.checked else None,
            }
            print(json.dumps(line))
        else:
            built = report.built.astimezone(zone).strftime("%Y-%m-%d %H:%M")
            state = report.state or "not verified yet"
            print(f"{report.name}  built {built} for {report.actor}, {report.byte_count} bytes, {state}")
    if not reports and not options.json:
        print("no report yet; build one with `veilsight report build --from DATE --to DATE`")
    return 0


def run_verify(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.reports.verify import verify_report
    from appliance.storage.keys import load_public_key, read_public_key

    key = read_public_key(options.public_key) if options.public_key else load_public_key(paths)
    verdict = verify_report(options.file, key, options.earlier, needs_signature_file=False)
    if options.json:
        outcome = {
            "file": str(options.file),
            "state": verdict.state.value,
            "sha256": verdict.sha256,
            "sentence": verdict.sentence,
        }
        print(json.dumps(outcome))
    else:
        print(verdict.sentence)
    return 0 if verdict.valid else 1


def run_deliver(options: argparse.Namespace, paths: Paths) -> int:  # noqa: ARG001
    from appliance.reports.delivery import fill_outbox
    from appliance.reports.sending import deliver_outbox
    from appliance.storage.site import open_site

    engine = open_site(paths).engine
    settings = settings_of(paths, engine)
    fill_outbox(paths, settings, engine)
    outcomes = deliver_outbox(paths, settings, engine, wait=False)
    for outcome in outcomes:
        print(outcome.problem or f"{outcome.report} delivered to {outcome.destination}")
    if not outcomes:
        print("nothing to deliver" if settings.destinations else "no destination is configured; see the settings file")
    return 0 if all(outcome.delivered for outcome in outcomes) else 1
