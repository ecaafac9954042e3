"""Trying a camera for somebody at a page, who may reach no camera: the engine does it, and tells what it found.

Only a camera that is set up is tried. So nobody can have the engine connect to an address that is not in the site's
database, and with that not in what the guard and the service manager let the engine reach.
"""

import threading
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine

from appliance.errors import VeilsightError
from appliance.language import parts_of, said, sentence
from appliance.storage import cameras
from appliance.storage.database import reading
from appliance.vision.trial import try_camera

BUSY = sentence("A camera is being tested already; please try again in a few seconds.")


class CameraTrials:
    """Tries one camera at a time. May be called from any thread."""

    def __init__(self, database: Engine) -> None:
        self._database = database
        self._one = threading.Lock()

    def __call__(self, name: str) -> dict[str, Any]:
        """What the camera sent, as `vision.trial.Trial` says it, or why not: `error`, and that sentence's parts."""
        if not self._one.acquire(blocking=False):
            return {"error": BUSY, "sentence": parts_of(BUSY)}
        try:
            with reading(self._database) as connection:
                camera = cameras.need(connection, name)
            return asdict(try_camera(camera.source, camera.name, camera.username, camera.password, camera.transport))
        except VeilsightError as error:
            told = said(error)
            return {"error": told, "sentence": parts_of(told)}
        finally:
            self._one.release()
