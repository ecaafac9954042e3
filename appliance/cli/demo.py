"""`veilsight demo`: a real clip through everything, then the page."""

import argparse
import json
import os
import sys
from pathlib import Path

from appliance.cli.run import print_first_start, stop_on_signals
from appliance.errors import UsageError, VeilsightError
from appliance.settings import Paths, find_paths, load_settings


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("demo", help="a real clip through everything, then the page")
    parser.add_argument("--clip", type=Path, help="a video to use instead of Debian's vtest.avi")
    parser.add_argument("--seconds", type=float, help="stop after this long and sum up (default: $DEMO_SECONDS)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.demo import show
    from appliance.demo.clip import fetch_clip

    seconds = seconds_wanted(options.seconds)
    if options.state is None:
        # A demonstration keeps to its own directory, so that it never mixes with a real site.
        paths = find_paths(os.environ, show.state_directory(os.environ))
    settings = load_settings(paths.settings_file)
    stop = stop_on_signals()
    say("Getting the clip and the networks ready")
    clip = options.clip or fetch_clip(show.cache_directory(os.environ))
    if not clip.is_file():
        raise ClipMissing(f"There is no clip at {clip}; give an existing video with CLIP=FILE.")
    first_start = show.prepare_site(paths, settings, clip, say)

    def started() -> None:
        print_first_start(first_start)
        say(f"Stops by itself after {seconds:g} seconds." if seconds else "Press Ctrl-C to stop.")
        sys.stdout.flush()

    frames = show.play(paths, stop, seconds, started)
    if seconds:
        print(json.dumps(show.conclude(paths, settings, frames).as_json()))
    return 0


class ClipMissing(VeilsightError):
    """The clip that the user named is not there."""


def say(text: str) -> None:
    print(text, flush=True)


def seconds_wanted(option: float | None) -> float | None:
    """How long to run: the option, else `DEMO_SECONDS`, else until stopped (None). Raises `UsageError`."""
    text = os.environ.get("DEMO_SECONDS", "")
    try:
        seconds = option if option is not None else float(text) if text else None
    except ValueError as error:
        raise UsageError(f"DEMO_SECONDS is {text!r}, which is not a number of seconds.") from error
    if seconds is not None and seconds <= 0:
        raise UsageError(f"The demonstration can't run for {seconds:g} seconds; give a positive number.")
    return seconds
