"""What `veilsight doctor` finds, for the page: the web program and the engine each look at what they may reach.

The web program sees no device, no network's weights and no swap; the engine sees no key and no certificate. What takes
root's rights, or another program to be started, is left to the person at the terminal.
"""

import threading
import time
from typing import Any

from appliance.services import doctor
from appliance.services.findings import finding_json
from appliance.services.recent_log import RecentLog
from appliance.settings import Paths, Settings
from appliance.vision.device_report import as_json, report_running
from appliance.vision.runtime import Detectors

# The weights are read and hashed each time.
KEEP_SECONDS = 30.0


class EngineExamination:
    """The engine's share: devices, networks, memory, and its own warnings. May be called from any thread."""

    def __init__(self, paths: Paths, settings: Settings, detectors: Detectors, log: RecentLog) -> None:
        self._paths = paths
        self._settings = settings
        self._detectors = detectors
        self._log = log
        self._one = threading.Lock()
        self._found: tuple[float, dict[str, Any]] | None = None

    def __call__(self) -> dict[str, Any]:
        """`findings` as the doctor's, `devices` as `veilsight devices --json` has them, and the newest `log` lines."""
        with self._one:
            now = time.monotonic()
            if self._found is None or now - self._found[0] > KEEP_SECONDS:
                self._found = now, self._look()
            return self._found[1] | {"log": self._log.lines()}

    def _look(self) -> dict[str, Any]:
        report = report_running(self._detectors)
        findings = [
            doctor.check_networks(self._paths, self._settings),
            *doctor.describe_devices(report, self._settings.analysis),
            doctor.describe_memory(self._paths),
            doctor.describe_swap(),
        ]
        return {"findings": [finding_json(each) for each in findings], "devices": as_json(report)}
