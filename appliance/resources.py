"""Where the files that are not Python lie: the catalogue of networks, migrations, templates and static files.

They are top-level folders of a checkout, and `share/veilsight` of the environment that an installed wheel lives in
(setup.py puts them there).
"""

import os
import sys
from pathlib import Path

from appliance.errors import VeilsightError


class ResourceMissing(VeilsightError):
    """A file that belongs to the program itself is not there."""


def resource_folders() -> tuple[Path, ...]:
    """Folders that may hold the resources, the first one wins: $VEILSIGHT_SHARE, a checkout, the installed share."""
    chosen = os.environ.get("VEILSIGHT_SHARE")
    checkout = Path(__file__).resolve().parent.parent
    folders = (checkout, Path(sys.prefix) / "share" / "veilsight")
    return (Path(chosen), *folders) if chosen else folders


def find_resource(*parts: str) -> Path:
    """The file or folder called `parts`, such as `find_resource("models", "catalogue.toml")`.

    Raises `ResourceMissing` where no folder holds it.
    """
    for folder in resource_folders():
        candidate = folder.joinpath(*parts)
        if candidate.exists():
            return candidate
    raise ResourceMissing(
        f"The program's own file {'/'.join(parts)} is missing; install Veilsight again, or set VEILSIGHT_SHARE."
    )
