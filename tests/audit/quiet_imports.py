"""Import all ways to a destination under a guard that allows nothing, and print what it refused.

python -m tests.audit.quiet_imports
"""

import importlib

from appliance.audit.guard import Attempt, Guard, Reach


def main() -> None:
    refused: list[Attempt] = []
    Guard(Reach(), Reach, refused.append).install()
    for name in ("folder", "mail", "object_storage", "sftp", "web"):
        importlib.import_module(f"appliance.audit.carriers.{name}")
    for attempt in refused:
        print(attempt.kind, attempt.target)


if __name__ == "__main__":
    main()
