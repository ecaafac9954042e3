"""`veilsight audit`: read, check, seal and prove the audit log."""

import argparse
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.errors import UsageError, VeilsightError
from appliance.files import write_whole
from appliance.settings import Paths

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from appliance.audit.checkpoint import Checkpoint
    from appliance.audit.log import Entry
    from appliance.storage.site import Site


class OutputUnwritable(VeilsightError):
    """A file that the user named can't be written."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("audit", help="the tamper-evident log: list, verify, checkpoint, prove")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list entries, the newest last")
    listing.add_argument(
        "--action", action="append", metavar="ACTION", help="only these, such as login; may be repeated"
    )
    listing.add_argument("--since", metavar="TIME", help="from this moment on, such as 2026-11-23T08:00+01:00")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="the newest N (default 50; 0 for all)")
    listing.add_argument("--json", action="store_true", help="print one JSON object a line")
    listing.set_defaults(run=run_list)
    verify = actions.add_parser("verify", help="check the whole log, or a proof from it")
    verify.add_argument("--checkpoint", type=Path, metavar="FILE", help="the log must begin with this saved checkpoint")
    verify.add_argument("--proof", type=Path, metavar="FILE", help="check this proof instead of the log")
    verify.add_argument(
        "--public-key", type=Path, metavar="FILE", help="trust this signing.pub, kept elsewhere, not the site's"
    )
    verify.set_defaults(run=run_verify)
    checkpoint = actions.add_parser("checkpoint", help="sign the log as it stands and print the checkpoint to keep")
    checkpoint.add_argument("--output", type=Path, metavar="FILE", help="write it to this new file instead")
    checkpoint.set_defaults(run=run_checkpoint)
    prove = actions.add_parser("prove", help="print a proof that an entry is in the log, or that the log only grew")
    prove.add_argument("entry", type=int, nargs="?", metavar="ENTRY", help="number of the entry")
    prove.add_argument("--since", type=Path, metavar="CHECKPOINT", help="prove growth since this saved checkpoint")
    prove.set_defaults(run=run_prove)


def run_list(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit import log
    from appliance.storage.database import reading
    from appliance.storage.site import open_site

    unknown = sorted(set(options.action or ()) - set(log.ACTIONS))
    if unknown:
        raise UsageError(f"There is no action {unknown[0]}; there are {', '.join(log.ACTIONS)}.")
    if options.limit < 0:
        raise UsageError("The limit is below 0; give 0 for all entries.")
    start = parse_moment(options.since) if options.since else None
    with reading(open_site(paths).engine) as connection:
        found = log.entries(
            connection, start=start, actions=options.action, newest_first=True, limit=options.limit or None
        )
    for entry in reversed(found):
        print(json.dumps(describe(entry)) if options.json else as_line(entry))
    return 0


def parse_moment(text: str) -> datetime:
    """A moment after ISO 8601; without an offset it is the machine's own time. Raises `UsageError`."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise UsageError(f"{text!r} is no moment; write it like 2026-11-23T08:00+01:00.") from error


def describe(entry: "Entry") -> dict[str, object]:
    from appliance.audit.log import encode

    fields: dict[str, object] = json.loads(encode(entry.event, entry.time))
    return {"number": entry.number, **fields}


def as_line(entry: "Entry") -> str:
    event = entry.event
    parts = [f"{entry.number:>6}  {entry.time:%Y-%m-%dT%H:%M:%SZ}  {event.action:<20}  {event.actor}: {event.subject}"]
    if event.destination:
        parts.append(f"to {event.destination}, {event.byte_count} bytes")
    parts.extend(f"{name}={value}" for name, value in event.details.items())
    # A name that somebody typed could hold characters that steer the terminal.
    return "".join(character if character.isprintable() else "?" for character in "  ".join(parts))


def run_verify(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit.verification import verify
    from appliance.storage.database import reading
    from appliance.storage.keys import read_public_key
    from appliance.storage.site import open_site

    if options.proof:
        return verify_proof(options, paths)
    saved = read_text(options.checkpoint) if options.checkpoint else None
    # Whoever changes the log and signs it anew with a key of their own leaves that key's public part at the site.
    trusted = read_public_key(options.public_key) if options.public_key else None
    site = open_site(paths)
    with reading(site.engine) as connection:
        print(verify(connection, trusted or site.public_key, site.origin, saved))
    return 0


def verify_proof(options: argparse.Namespace, paths: Paths) -> int:
    """Check a proof with the public key alone: no database is opened."""
    from appliance.audit.proof import check_entry, check_growth
    from appliance.storage.keys import load_public_key, read_public_key

    key = read_public_key(options.public_key) if options.public_key else load_public_key(paths)
    text = read_text(options.proof)
    if text.startswith("{"):
        old, new = check_growth(text, key)
        print(f"the log {new.origin} of {new.size} entries begins with the {old.size} of the older checkpoint")
        return 0
    proven = check_entry(text, key)
    print(f"entry {proven.number} is in the log {proven.checkpoint.origin} of {proven.checkpoint.size} entries:")
    print(proven.text)
    return 0


def run_checkpoint(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.storage.site import open_site

    if options.output and options.output.exists():
        raise UsageError(f"There is a file {options.output} already; an old checkpoint is evidence, choose a new name.")
    site = open_site(paths)
    with site.engine.begin() as connection:
        note, signed = sign_checkpoint(connection, site, paths)
    if options.output:
        write_output(options.output, note)
        print(f"checkpoint of {signed.size} entries written to {options.output}")
    else:
        print(note, end="")
    return 0


def sign_checkpoint(connection: "Connection", site: "Site", paths: Paths) -> "tuple[str, Checkpoint]":
    """Sign the log as it stands, with the entry about this signature as its last."""
    from appliance.audit.checkpoint import seal
    from appliance.cli.terminal import actor
    from appliance.storage.keys import load_signing_key

    return seal(connection, load_signing_key(paths), site.origin, actor())


def run_prove(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit import checkpoint, log, proof
    from appliance.storage.site import open_site

    if (options.entry is None) == (options.since is None):
        raise UsageError("Give the number of an entry, or --since with a saved checkpoint.")
    site = open_site(paths)
    old = checkpoint.read(read_text(options.since), site.public_key) if options.since else None
    with site.engine.begin() as connection:
        if old is None:
            log.entry_text(connection, options.entry)
        note, new = sign_checkpoint(connection, site, paths)
        if old is None:
            result = proof.prove_entry(connection, options.entry, note, new.size)
        else:
            path = proof.prove_growth(connection, old, new)
            result = proof.growth_text(read_text(options.since), path, note)
    # Only now is the checkpoint in the database as well; one that isn't would look like a cut log later.
    print(result, end="")
    return 0


def read_text(path: Path) -> str:
    """A small text file that the user names. Raises `UsageError`."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The file {path} can't be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The file {path} is not text.") from error


def write_output(path: Path, text: str) -> None:
    """Write a small text file whole or not at all. Raises `OutputUnwritable`."""
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise OutputUnwritable(f"The file {path} can't be written ({error.strerror}).") from error
