"""First start: keys, database, certificate and the first user; every step only where it is still to be done."""

from dataclasses import dataclass

from appliance.audit.log import Event, append
from appliance.errors import VeilsightError
from appliance.services import site_applying
from appliance.services.site_applying import Applied
from appliance.services.site_file import SiteFile
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

    `recovery_code` opens the site's vault when all else is lost; it is None unless it was made just now. `applied` is
    what was done with the site's file; None where there was none, or it had been applied before.
    """

    address: str
    user: str
    password: str | None
    recovery_code: str | None = None
    applied: Applied | None = None


def set_up(
    paths: Paths,
    settings: Settings,
    protection: Protection = "key-file",
    passphrase: str = "",
    recovery_code: bool = True,
    site_file: SiteFile | None = None,
) -> FirstStart:
    """Make what is missing; a site that is complete stays as it is.

    `protection` says what opens the vault of a new site, `recovery_code` whether to make a code where there is none.
    The users and cameras of `site_file` are added once; what was changed since then stays.
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
        applied = None
        if site_file is not None and not site_applying.was_applied(connection):
            applied = site_applying.apply(connection, site_file, paths, "setup")
        password = ensure_administrator(connection)
    site.engine.dispose()
    return FirstStart(f"https://localhost:{settings.web.port}/", ADMINISTRATOR, password, code, applied)


def program_actor(program: str) -> str:
    """How the audit log names one of the three programs."""
    return f"program:{program}"
