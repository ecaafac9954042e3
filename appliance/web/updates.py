"""Where a newer version comes from, as far as this program may look: it starts no other program and asks nobody."""

from pathlib import Path

from appliance.web.wording import gettext

# dpkg's list of the package's files is there where it was installed as one.
INSTALLED = Path("/var/lib/dpkg/info/veilsight.list")


def describe_updates(installed: Path = INSTALLED) -> list[str]:
    """The state of updates, in sentences."""
    if installed.exists():
        return [
            gettext("Installed as a Debian package."),
            gettext(
                "No source of updates is asked from here, and nothing updates itself. A newer version is installed on "
                "the server by <code>apt install ./veilsight_….deb</code>; <code>veilsight doctor</code> tells "
                "whether apt knows a source."
            ),
        ]
    return [
        gettext("Not installed as a package: whoever installed it must bring newer versions."),
        gettext("No source of updates is set up, and nothing updates itself."),
    ]
