"""The proof that a sceptic can run: no raw frame leaves the program that decoded it.

    make prove-containment              # two minutes of watching; PROOF_SECONDS=n for another time

Prints what was watched and what was found, and JSON as its last line; the exit status is 0 only if nothing was found
and everything that had to be seen was seen. docs/containment.md explains what it shows and what it can't.
"""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.demo.clip import fetch_clip
from appliance.demo.show import cache_directory
from appliance.settings import find_paths
from appliance.storage.cameras import Camera
from appliance.vision.live import LiveClient, LiveUnavailable
from benchmarks.containment.errands import Done, Errands, take_out_upload
from benchmarks.containment.evidence import Evidence, search, watching
from benchmarks.containment.pattern import Pattern, random_pattern, read_clip
from benchmarks.containment.search import Searcher
from benchmarks.containment.site import ProofSite, camera, database_content, make_clips, make_site, yesterday
from benchmarks.containment.tracing import Connection
from benchmarks.containment.viewer import Seen, Viewer

INSIDE = "VEILSIGHT_PROOF_INSIDE"
START_SECONDS = 120.0
# The courier looks into its outbox every 15 seconds.
DELIVERY_SECONDS = 40.0
# A file that is uploaded is redacted while everything else goes on, and is traced.
ERRAND_SECONDS = 240.0
# WS-Discovery: where the searcher asks the local network.
SEARCHED = "239.255.255.250", 3702
# Calls that fail leave nothing; the C library asks for these services by itself, and they are not there.
SYSTEM_SERVICES = ("/nscd/socket", "/systemd/")


@dataclass
class Part:
    """One run: what was watched, and what speaks against the promise or against the proof."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("PROOF_SECONDS") or 120))
    parser.add_argument("--clip", type=Path, help="a video with people in it, in place of the demonstration's")
    options = parser.parse_args()
    if os.geteuid() or not shutil.which("strace"):
        print(
            "This runs as root, since it reads the programs' memory, and needs strace (apt-get install strace).",
            file=sys.stderr,
        )
        return 2
    scene = options.clip or fetch_clip(cache_directory(os.environ))
    if INSIDE not in os.environ:
        status = in_own_network(options.seconds, scene)
        if status is not None:
            return status
        say("This machine forbids a network of our own: the packets of all loopback traffic are watched where allowed.")
    with tempfile.TemporaryDirectory(prefix="veilsight-proof-") as folder:
        parts = prove(Path(folder), options.seconds, scene)
    problems = [f"{part.name}: {problem}" for part in parts for problem in part.problems]
    for problem in problems:
        say(f"FOUND  {problem}")
    say("FAILED: see above." if problems else "PASSED: the pattern was found nowhere outside the engine's own memory.")
    print(
        json.dumps({"passed": not problems, "problems": problems, "parts": {part.name: part.facts for part in parts}})
    )
    return 1 if problems else 0


def in_own_network(seconds: float, scene: Path) -> int | None:
    """Run this again where loopback is all the network there is; None where that is not allowed."""
    words = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        return None
    again = [sys.executable, "-m", "benchmarks.containment.prove", "--seconds", str(seconds), "--clip", str(scene)]
    return subprocess.run([*words, *again], env=os.environ | {INSIDE: "1"}, check=False).returncode


def prove(folder: Path, seconds: float, scene: Path) -> list[Part]:
    pattern = random_pattern(secrets.randbits(64))
    say("Making the clips")
    whole, masked = make_clips(folder, pattern, scene)
    models = find_paths(os.environ).models
    empty = folder / "no-networks"
    empty.mkdir()
    normal = [camera("unwatched", whole), camera("masked", masked, masked=True)]
    parts = [
        watch("at work", folder / "at-work", models, normal, ["masked"], pattern, seconds * 2 / 3),
        watch(
            "networks missing",
            folder / "missing",
            empty,
            [camera("covered", whole)],
            ["covered"],
            pattern,
            seconds / 3,
            upload=whole,
            # Elsewhere that would ask a network that is not ours.
            search=INSIDE in os.environ,
        ),
    ]
    shown, covered = (parts[0].facts[name].get("masked", 0) for name in ("pictures_shown", "of_them_covered"))
    if shown and shown == covered:
        parts[0].problems.append("each picture was covered whole, so that the mask was not tried: watch for longer")
    for clip in (whole, masked):
        if not Searcher(pattern).search_picture(read_clip(clip, 1)[0]):
            parts[0].problems.append(f"the pattern can't be found in {clip.name} itself, so that this proves nothing")
    return parts


def watch(
    name: str,
    folder: Path,
    models: Path,
    cameras: list[Camera],
    watched: list[str],
    pattern: Pattern,
    seconds: float,
    upload: Path | None = None,
    search: bool = False,
) -> Part:
    """Run the programs for so many seconds after the first analysed frame, and look through what they did.

    Meanwhile somebody at the page has the `upload` redacted, and with `search` has the network searched for cameras.
    """
    part = Part(name)
    say(f"Watching the programs {name} for {seconds:.0f} s")
    site = make_site(folder, models, cameras)
    scratch = folder.parent / f"{folder.name}-trace"
    scratch.mkdir()
    words = [sys.executable, "-m", "appliance.cli.main", "run"]
    done = None
    with watching(words, site.environment, scratch, [folder]) as run:
        wait_for_frames(site, {each.name for each in cameras}, run.process)
        page = (site.settings.web.port, site.paths.tls / "authority.pem", site.first_start.password or "")
        with Viewer(*page, watched, yesterday()) as viewer, contextlib.ExitStack() as stack:
            if upload is not None:
                done = stack.enter_context(Errands(*page, upload.read_bytes(), search)).done
            threading.Event().wait(seconds)
            wait_for(lambda: list(site.destination.glob("*.pdf")), DELIVERY_SECONDS)
            # On a busy machine the first picture takes its time.
            wait_for(lambda: viewer.seen.pictures or viewer.seen.problem, DELIVERY_SECONDS)
            if done is not None:
                wait_for(lambda: done.is_over, ERRAND_SECONDS)
            frames = {each.name: 0 for each in cameras} | decoded(site)
    say("Looking through what was seen")
    searcher = Searcher(pattern)
    judge(part, run.evidence, site)
    check_that_it_looked(part, run.evidence, viewer.seen, frames, site)
    describe(part, run.evidence, viewer.seen, frames)
    if upload is not None and done is not None:
        check_errands(part, run.evidence, done, upload.read_bytes(), search, site)
        if next(searcher.search(done.redacted), None):
            part.problems.append("the pattern in the redacted file that the page gave out")
    look_through(part, run.evidence, viewer.seen, searcher, site)
    # Open counts outlive a crash there, which a site that is thrown away does not need.
    if site.paths.memory is not None:
        shutil.rmtree(site.paths.memory, ignore_errors=True)
    return part


def check_errands(part: Part, evidence: Evidence, done: Done, content: bytes, search: bool, site: ProofSite) -> None:
    """What had to happen with the uploaded file and was not seen. Takes the file out of the way that it was to go."""
    handed = take_out_upload(evidence.trace, site.paths.redaction_socket, content)
    missing = [done.problem] if done.problem else []
    missing += [] if done.redacted else ["the page gave no redacted file"]
    if handed != len(content):
        missing.append(f"{handed} of the uploaded file's {len(content)} bytes were seen on their way to the redactor")
    wanted = ("redactor", "searcher") if search else ("redactor",)
    missing += [f"the program {name} was not seen" for name in wanted if name not in evidence.samples.swapped]
    asked = any(each.program == "searcher" and SEARCHED[0] in each.address for each in evidence.trace.connections)
    missing += ["the searcher asked nobody"] if search and not asked else []
    part.problems += [f"{each}: this proves nothing" for each in missing]
    part.facts |= {"uploaded_bytes": handed, "redacted_bytes": len(done.redacted), "redacted": done.summary}


def look_through(part: Part, evidence: Evidence, seen: Seen, searcher: Searcher, site: ProofSite) -> None:
    for place, found in search(evidence, searcher):
        part.problems.append(f"the pattern, as {found.form}, in what was {place}, at byte {found.offset}")
    if not searcher.images:
        part.problems.append("no picture was found in what was written, though somebody watched: this proves nothing")
    for number, picture in enumerate(seen.pictures):
        if next(searcher.search(picture), None):
            part.problems.append(f"the pattern in picture {number} that the page showed")
    if next(searcher.search(database_content(site.paths)), None):
        part.problems.append("the pattern in the database")
    part.facts |= {"bytes_searched": searcher.searched, "pictures_decoded": searcher.images}


def judge(part: Part, evidence: Evidence, site: ProofSite) -> None:
    """What speaks against the promise, besides the pattern itself."""
    trace, samples = evidence.trace, evidence.samples
    outward = [each for each in trace.connections if is_outward(each, site)]
    part.problems += [f"{each.program} reached {each.address} ({each.call}: {each.outcome})" for each in outward]
    # SQLite's index of its write-ahead log is the one memory that the programs share.
    index = f"{site.paths.database}-shm"
    unseen = {(program, where) for program, where in trace.shared if where != index and where not in samples.shared}
    part.problems += [f"{program} shares memory that could not be read: {where}" for program, where in sorted(unseen)]
    part.problems += [f"{program} used {call}, which hides what it moves" for program, call in sorted(trace.blind)]
    part.problems += [
        f"the memory of {name} was swapped out: {kib} KiB" for name, kib in samples.swapped.items() if kib
    ]
    part.problems += [f"{name} would leave a core dump" for name in sorted(samples.dumpable)]
    if evidence.exit_status:
        part.problems.append(f"the programs ended with {evidence.exit_status}: {evidence.problems.strip()[-300:]}")


def check_that_it_looked(part: Part, evidence: Evidence, seen: Seen, frames: dict[str, int], site: ProofSite) -> None:
    """A proof that saw nothing proves nothing: what had to happen, and to be seen, and was not."""
    missing = [f"no frame of {name} was decoded" for name, number in frames.items() if not number]
    missing += [f"no picture was shown {seen.problem}".strip()] if not seen.pictures else []
    missing += [
        f"the program {name} was not seen"
        for name in ("engine", "web", "courier")
        if name not in evidence.samples.swapped
    ]
    if evidence.trace.cut:
        missing.append(f"{evidence.trace.cut} writes were longer than the trace shows")
    if not list(site.destination.glob("*.pdf")):
        missing.append("the courier delivered no report")
    part.problems += [f"{each}: this proves nothing" for each in missing]


def describe(part: Part, evidence: Evidence, seen: Seen, frames: dict[str, int]) -> None:
    trace, capture = evidence.trace, evidence.capture
    calls = {f"{each.program} {each.call} {each.address}: {each.outcome}" for each in trace.connections}
    part.facts |= {
        "frames": frames,
        "pictures_shown": dict(seen.by_camera),
        "of_them_covered": dict(seen.covered),
        "places_written_to": len(trace.streams),
        "bytes_written": sum(len(stream) for stream in trace.streams.values()),
        "connections": sorted(calls),
        "shared_memory": sorted({where for _, where in trace.shared}),
        "copied_by_the_kernel": sorted(f"{source} to {target}" for source, target in trace.copied),
        "packets": capture.packets if capture else None,
        "flows": len(capture.flows) if capture else None,
        "new_files": {str(path): size for path, size in sorted(evidence.files.items())},
        "swapped_kib": evidence.samples.swapped,
    }


def is_outward(connection: Connection, site: ProofSite) -> bool:
    """Whether a call reached, or tried to reach, what is not one of the programs' own sockets or the page's address."""
    address = connection.address
    if "AF_UNIX" in address:
        if f'sun_path="{site.paths.run}/' in address:
            return False
        return not (connection.outcome.startswith("E") and any(each in address for each in SYSTEM_SERVICES))
    group, port = SEARCHED
    if connection.program == "searcher" and connection.call == "sendto":
        return not (f'"{group}"' in address and f"htons({port})" in address)
    # It asks the kernel in these ways which interfaces there are and whether there is IPv6; nobody listens there.
    if connection.program == "searcher" and connection.call == "bind":
        return not ("AF_NETLINK" in address or ('"::1"' in address and "htons(0)" in address))
    return not (
        connection.call == "bind" and f"htons({site.settings.web.port})" in address and connection.program == "web"
    )


def decoded(site: ProofSite) -> dict[str, int]:
    """How many frames of each camera were analysed; where that can't be, 1 if any was decoded."""
    try:
        status = LiveClient(site.paths.live_socket).status()
    except LiveUnavailable:
        return {}
    return {each["name"]: each["analysed_frames"] or int(each["width"] > 0) for each in status["cameras"]}


def wait_for_frames(site: ProofSite, wanted: set[str], process: "subprocess.Popen[bytes]") -> None:
    """Until each camera has a frame, or a while has passed, or the programs have ended."""

    def is_over() -> bool:
        frames = decoded(site)
        return process.poll() is not None or all(frames.get(name) for name in wanted)

    wait_for(is_over, START_SECONDS)


def wait_for(happened: Callable[[], object], seconds: float) -> None:
    """Until it has happened, or a while has passed."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.25)):
        if happened():
            return
        pause.wait(0.25)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
