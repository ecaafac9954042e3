"""Whether anything answers where a camera should be, asked without logging in.

A camera that is away may be asked often this way: nothing is tried that it would count as a wrong password.
"""

import random
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from appliance.language import sentence
from appliance.vision.opening import explain

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
KNOCK_SECONDS = 1.0
ANSWER_SECONDS = 1.0
# How often a wait looks whether it is to be given up.
STOP_SECONDS = 0.1


def silence(source: str) -> str:
    """Empty where the camera's port takes a connection, or the device or file is there; else why not."""
    if "://" not in source:
        return "" if Path(source).exists() else sentence("there is no %(path)s", path=source)
    try:
        parts = urlsplit(source)
        port = parts.port or PORTS[parts.scheme.lower()]
        with socket.create_connection((parts.hostname or "", port), ANSWER_SECONDS):
            return ""
    except (ValueError, KeyError):
        return sentence("its address is malformed")
    except OSError as error:
        return explain(source, error)


def wait_until_worth_trying(
    source: str, pause_seconds: float, stop: threading.Event, on_silence: Callable[[str], None]
) -> bool:
    """Wait for `pause_seconds`, or, where nothing answers now, until something does. True in that case.

    So a camera that comes back is found within a second or two, however long it was away, and one that answers and
    refuses is left alone for the whole pause. Ends early when `stop` is set. `on_silence` is told why nothing answers.
    """
    first = min(pause_seconds, KNOCK_SECONDS)
    if stop.wait(first):
        return False
    if _knock(source, stop, on_silence):
        stop.wait(pause_seconds - first)
        return False
    # Uneven, so that many cameras that lost their switch do not all knock in the same moment.
    while not stop.wait(KNOCK_SECONDS * random.uniform(0.75, 1.25)):  # noqa: S311 - jitter, not a secret
        if _knock(source, stop, on_silence):
            return True
    return False


def _knock(source: str, stop: threading.Event, on_silence: Callable[[str], None]) -> bool:
    """Whether it answers. A thread asks, and is left behind when `stop` is set: looking a name up can't be stopped."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(silence(source)), name="knock", daemon=True)
    thread.start()
    while thread.is_alive() and not stop.is_set():
        thread.join(STOP_SECONDS)
    if not found:
        return False
    if found[0]:
        on_silence(found[0])
    return not found[0]
