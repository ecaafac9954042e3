"""The settings file, and where everything lies on disk.

`Paths` says where; `Settings` says how. Cameras, lines, zones and users are not settings: people change them on the
page while the appliance runs, so they are kept in the encrypted database.
"""

import hashlib
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from appliance.destinations import Destination, Sendable
from appliance.errors import UsageError
from appliance.language import Code
from appliance.opening_hours import Opening
from appliance.report_schedule import ReportSchedule
from appliance.toml_lines import line_of, split_message

# A set of networks, one for each task: the default ones, or smaller ones that are quicker and find less.
Pack = Literal["default", "compact"]
# Who switches anonymity off says why, in at least this many letters.
SHORTEST_REASON = 10


class SettingsError(UsageError):
    """The settings file says something that can't be used."""


@dataclass(frozen=True)
class Unlocking:
    """What opens the site's vault and lies in no file: never shown, never in the environment or an argument.

    `handed` are credentials that the parent process handed over through a pipe, by name. `ask` asks a person for the
    passphrase or the recovery code.
    """

    handed: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    ask: Callable[[], str] | None = None


@dataclass(frozen=True)
class Paths:
    """Where the appliance keeps things.

    `state` holds what must survive a restart, `run` what must not (sockets), `models` the checked weights and
    `credentials` the keys that the service manager hands to a program (None when a person runs it at a terminal).
    """

    state: Path
    settings_file: Path
    models: Path
    run: Path
    credentials: Path | None = None
    # A folder in memory for the exact counts of open buckets; it is made by the engine.
    memory: Path | None = None
    unlocking: Unlocking = field(default_factory=Unlocking, repr=False, compare=False)

    @property
    def vault(self) -> Path:
        """The site's keys, each wrapped."""
        return self.database.with_name("vault.json")

    @property
    def database(self) -> Path:
        """In a folder of its own: the programs' users all make files beside it (SQLite's write-ahead log)."""
        return self.state / "database" / "veilsight.db"

    @property
    def keys(self) -> Path:
        """Directory of what opens the vault, readable by its owner only, and of the public key."""
        return self.state / "keys"

    @property
    def compiled(self) -> Path:
        """OpenVINO's cache of compiled networks."""
        return self.state / "compiled"

    @property
    def reports(self) -> Path:
        return self.state / "reports"

    @property
    def outbox(self) -> Path:
        """Signed report bundles waiting for the courier."""
        return self.state / "outbox"

    @property
    def backups(self) -> Path:
        """Backups that were made on the page, until they are taken away."""
        return self.state / "backups"

    @property
    def tls(self) -> Path:
        return self.state / "tls"

    @property
    def live_socket(self) -> Path:
        """Unix socket on which the engine offers redacted pictures and its status."""
        return self.run / "live.sock"

    @property
    def redaction_socket(self) -> Path:
        """Unix socket of the redactor, which takes one uploaded file and ends with it."""
        return self.run / "redaction.sock"

    @property
    def search_socket(self) -> Path:
        """Where the searcher looks for cameras for one who asks at a page."""
        return self.run / "search.sock"


def find_paths(environment: Mapping[str, str], state: Path | None = None) -> Paths:
    """Work out the paths from the environment, after the XDG base directory specification and systemd.exec(5).

    `state` (the `--state` option) wins over `VEILSIGHT_STATE`, which wins over `$XDG_STATE_HOME/veilsight`.
    """
    home = Path(environment.get("HOME") or Path.home())
    default = Path(environment.get("XDG_STATE_HOME") or home / ".local" / "state") / "veilsight"
    base = (state or Path(environment.get("VEILSIGHT_STATE") or default)).expanduser().absolute()
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    run = environment.get("VEILSIGHT_RUN")
    return Paths(
        state=base,
        settings_file=Path(environment.get("VEILSIGHT_SETTINGS") or base / "settings.toml"),
        models=Path(environment.get("VEILSIGHT_MODELS") or base / "models"),
        run=Path(run or base / "run"),
        credentials=Path(credentials) if credentials else None,
        memory=Path(run) / "open" if run else _memory_folder(environment, base),
    )


def _memory_folder(environment: Mapping[str, str], state: Path) -> Path:
    """A name of this state directory's own in the person's folder in memory; nothing is made here."""
    name = f"veilsight-{os.getuid()}-{hashlib.sha256(bytes(state)).hexdigest()[:12]}"
    return Path(environment.get("XDG_RUNTIME_DIR") or "/dev/shm") / name  # noqa: S108 - the folder's owner is checked


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the settings file; an unknown or wrongly typed field is an error, not a surprise later."""


class Site(Section, frozen=True):
    """Who answers for the cameras; all of it is printed in the report.

    `logo` is an SVG file, by its path or its name beside the settings file.
    """

    name: Annotated[str, Meta(min_length=1, max_length=120)] = "My store"
    timezone: str = "UTC"
    controller: str = ""
    contact: str = ""
    language: Code = "en"
    logo: Annotated[str, Meta(max_length=500)] = ""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Web(Section, frozen=True):
    """Where the page listens, and as whom.

    `names` are further names under which it may be asked for, beside this machine's own. `certificate` and `key` are
    PEM files that take the place of the certificate that the site makes for itself.
    """

    host: str = "0.0.0.0"  # noqa: S104 - staff open the page from other devices on the site
    port: Annotated[int, Meta(ge=1, le=65535)] = 8443
    names: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""


class Analysis(Section, frozen=True):
    """How cameras are analysed.

    `devices` are tried in this order: kinds of device, or the names that `veilsight devices` prints. A network named
    in `network_devices` has an order of its own. `pack` says which networks are used (models/catalogue.toml).
    """

    devices: tuple[str, ...] = ("NPU", "GPU", "CPU")
    network_devices: dict[str, tuple[str, ...]] = {}
    pack: Pack = "default"
    bucket_minutes: Annotated[int, Meta(ge=5, le=60)] = 15
    redaction_deadline_seconds: Annotated[float, Meta(gt=0, le=30)] = 2.0


class Anonymity(Section, frozen=True):
    """How the stored counts are made anonymous (`appliance.metrics.anonymity`).

    `epsilon` is the whole budget of one visit seen by one camera in the mode `differential`, `k` the smallest number
    that is shown in the mode `threshold`. `off` needs a `reason`, which stands on every page and in each report.
    """

    mode: Literal["differential", "threshold", "off"] = "differential"
    epsilon: Annotated[float, Meta(ge=0.1, le=8)] = 2.0
    k: Annotated[int, Meta(ge=2, le=100)] = 5
    reason: Annotated[str, Meta(max_length=300)] = ""


class Alert(Section, frozen=True):
    """A number that is not to be exceeded: of persons, or of seconds that they wait, in one zone; or in the store.

    `zone` and `camera` are both empty for the store. `destination` is where the alert is sent as well.
    """

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    camera: str = ""
    zone: str = ""
    people: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    waiting_seconds: Annotated[int, Meta(ge=1, le=86_400)] | None = None
    destination: str = ""

    def __post_init__(self) -> None:
        if self.people is None and self.waiting_seconds is None:
            raise ValueError(f"the alert {self.name} needs people or waiting_seconds")
        if bool(self.camera) != bool(self.zone):
            raise ValueError(f"the alert {self.name} needs both a camera and a zone, or neither for the store")
        if self.waiting_seconds is not None and not self.zone:
            raise ValueError(f"the alert {self.name} has waiting_seconds, so it needs a camera and a zone")


class Retention(Section, frozen=True):
    """How long each class of data is kept, in months."""

    metrics_months: Annotated[int, Meta(ge=1, le=120)] = 25
    log_months: Annotated[int, Meta(ge=1, le=120)] = 12
    report_months: Annotated[int, Meta(ge=1, le=120)] = 36


class Processing(Section, frozen=True):
    """What of the record of processing activities (GDPR Art. 30) only the site can state; printed in the report."""

    data_protection_officer: Annotated[str, Meta(max_length=500)] = ""
    purposes: Annotated[str, Meta(max_length=500)] = ""
    legal_basis: Annotated[str, Meta(max_length=500)] = ""
    recipients: Annotated[str, Meta(max_length=500)] = ""
    notice_url: Annotated[str, Meta(max_length=200)] = ""

    def __post_init__(self) -> None:
        if self.notice_url and not self.notice_url.startswith(("https://", "http://")):
            raise ValueError("notice_url must be an address that begins with https:// or http://")


class Settings(Section, frozen=True):
    site: Site = Site()
    processing: Processing = Processing()
    web: Web = Web()
    analysis: Analysis = Analysis()
    anonymity: Anonymity = Anonymity()
    retention: Retention = Retention()
    opening: Opening | None = None
    destinations: tuple[Destination, ...] = ()
    alerts: tuple[Alert, ...] = ()
    reports: tuple[ReportSchedule, ...] = (ReportSchedule(every="month"),)


def _decode(kind: type, value: object) -> object:
    """For msgspec, which knows no paths: a text where a path belongs."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(f"{kind} can't be read from {value!r}")


def load_settings(path: Path) -> Settings:
    """Read and check the settings file; a missing file means the defaults.

    Raises `SettingsError` with the line, the field and the reason.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The settings file {path} can't be read ({error}); check that it is a text file."
        ) from error
    try:
        return settings_of(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from error
    except Unfit as problem:
        raise SettingsError(f"The settings file {path}, {problem.describe(text)}") from problem


class Unfit(ValueError):
    """A value in a TOML file that can't be used: `path` leads to it, and `str` says why."""

    def __init__(self, path: Sequence[str | int], reason: str) -> None:
        super().__init__(reason)
        self.path = tuple(path)

    def describe(self, text: str) -> str:
        """The line in the file's text, the field, and the reason, which ends with a full stop."""
        line = line_of(text, self.path)
        where = f"line {line}, " if line else ""
        field_name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).lstrip(".")
        return f"{where}{field_name}: {str(self).rstrip('.')}."


def settings_of(document: Mapping[str, object]) -> Settings:
    """The settings that a TOML document says, checked, each table by itself and with the others. Raises `Unfit`."""
    try:
        settings = msgspec.convert(document, Settings, dec_hook=_decode)
    except msgspec.ValidationError as error:
        reason, path = split_message(str(error))
        raise Unfit(path, reason) from error
    _check_site(settings)
    _check_names(settings)
    _check_ways(settings)
    return settings


def _check_site(settings: Settings) -> None:
    """Raises `Unfit`."""
    try:
        settings.site.zone  # noqa: B018 - looked up here so that a wrong one is found at start
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Unfit(("site", "timezone"), "there is no such time zone; use one like Europe/Paris") from error
    if settings.anonymity.mode == "off" and len(settings.anonymity.reason.strip()) < SHORTEST_REASON:
        raise Unfit(
            ("anonymity", "reason"),
            f"anonymity can be off only with a reason of {SHORTEST_REASON} letters or more; write it, or choose "
            "another mode",
        )
    if 60 % settings.analysis.bucket_minutes:
        raise Unfit(("analysis", "bucket_minutes"), "bucket_minutes must divide an hour (5, 6, 10, 12, 15, 20, 30, 60)")


def _check_names(settings: Settings) -> None:
    """Raises `Unfit` for two of one name."""
    for what in ("destinations", "alerts", "reports"):
        names: set[str] = set()
        for number, each in enumerate(getattr(settings, what)):
            if each.name in names:
                raise Unfit((what, number, "name"), f"two {what} are called {each.name}; give each its own name")
            names.add(each.name)


def _check_ways(settings: Settings) -> None:
    """Raises `Unfit` for what goes to a destination that does not take it."""
    for number, alert in enumerate(settings.alerts):
        if alert.destination and not _takes(settings, alert.destination, Sendable.METRIC):
            raise Unfit(
                ("alerts", number, "destination"),
                f"the alert {alert.name} goes to {alert.destination}, which is no destination that takes the class "
                '"metric"; add one, or the class to it',
            )
    for number, schedule in enumerate(settings.reports):
        for name in schedule.destinations:
            if not _takes(settings, name, Sendable.REPORT):
                raise Unfit(
                    ("reports", number, "destinations"),
                    f"the reports {schedule.name} go to {name}, which is no destination that takes reports; add one, "
                    "or correct the name",
                )


def _takes(settings: Settings, name: str, data_class: Sendable) -> bool:
    return any(each.name == name and each.takes(data_class) for each in settings.destinations)
