"""The only code that touches raw pixels: sources, networks, tracking, redaction."""

import sys

# Importing OpenVINO imports its model converter, and that reports the import to its makers over the network. This
# process may reach the cameras and nothing else; we convert without that tool, so it is kept from being imported.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]
