"""First start: keys, database, certificate and the first user; every step only where it is still to be done."""

from dataclasses import dataclass

from appliance.audit.log import Event, append
from appliance.errors import VeilsightError
from appliance.settings import Paths, Settings
from appliance.storage.keys import renew_recovery_code
from appliance.storage.site import create_site
from appliance.storage.vault import Protection, read_vault
from appliance.web.account import ADMINISTRATOR, ensure_administrator
from appliance.web.certificate import load_or_make


class StateUnwritable(VeilsightError):
    """The state directory can't be made or written."""


@dataclass(frozen=True)
class FirstStart:
    """What a person needs to open the page. `password` is None unless the user was made just now.

    `recovery_code` opens the site's vault when all else is lost; it is None unless it was made just now.
    """

    address: str
    user: str
    password: str | None
    recovery_code: str | None = None


def set_up(
    paths: Paths,
    settings: Settings,
    protection: Protection = "key-file",
    passphrase: str = "",
    recovery_code: bool = True,
) -> FirstStart:
    """Make what is missing; a site that is complete stays as it is.

    `protection` says what opens the vault of a new site, `recovery_code` whether to make a code where there is none.
    Raises a `VeilsightError` in one sentence.
    """
    try:
        for directory in (paths.state, paths.run, paths.reports, paths.outbox):
            directory.mkdir(parents=True, exist_ok=True)
        site, migrations = create_site(paths, protection, passphrase)
        code = None
        if recovery_code and not read_vault(paths.vault).has_recovery_code:
            code = renew_recovery_code(paths)
        load_or_make(paths, settings)
    except OSError as error:
        where = error.filename or paths.state
        raise StateUnwritable(f"The state directory can't be used ({where}: {error.strerror}).") from error
    with site.engine.begin() as connection:
        for migration in migrations:
            append(connection, Event("setup", "database-migrated", migration))
        if code is not None:
            append(connection, Event("setup", "key-changed", "recovery code"))
        password = ensure_administrator(connection)
    site.engine.dispose()
    return FirstStart(f"https://localhost:{settings.web.port}/", ADMINISTRATOR, password, code)


def program_actor(program: str) -> str:
    """How the audit log names one of the three programs."""
    return f"program:{program}"
