"""The settings file, and where everything lies on disk.

`Paths` says where; `Settings` says how. Cameras, lines, zones and users are not settings: people change them on the
page while the appliance runs, so they are kept in the encrypted database.
"""

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from appliance.destinations import Destination, Sendable
from appliance.errors import UsageError
from appliance.language import Code
from appliance.report_schedule import ReportSchedule

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
    def tls(self) -> Path:
        return self.state / "tls"

    @property
    def live_socket(self) -> Path:
        """Unix socket on which the engine offers redacted pictures and its status."""
        return self.run / "live.sock"


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
    """Who answers for the cameras; all of it is printed in the report."""

    name: Annotated[str, Meta(min_length=1, max_length=120)] = "My store"
    timezone: str = "UTC"
    controller: str = ""
    contact: str = ""
    language: Code = "en"

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


class Opening(Section, frozen=True, kw_only=True):
    """Opening hours in the site's time: spans such as `09:00-19:00` for each weekday, none for a day that is closed.

    One that ends at or before its beginning runs past midnight. `exceptions` replace a weekday's hours, by date.
    """

    monday: tuple[str, ...] = ()
    tuesday: tuple[str, ...] = ()
    wednesday: tuple[str, ...] = ()
    thursday: tuple[str, ...] = ()
    friday: tuple[str, ...] = ()
    saturday: tuple[str, ...] = ()
    sunday: tuple[str, ...] = ()
    exceptions: dict[date, tuple[str, ...]] = {}

    def __post_init__(self) -> None:
        for texts in (*self._week, *self.exceptions.values()):
            spans = sorted(map(_span, texts))
            for (first, end), (begin, _) in pairwise(spans):
                if end <= first or end > begin:
                    raise ValueError("two spans of one day's opening hours overlap; join them")

    @property
    def _week(self) -> tuple[tuple[str, ...], ...]:
        return (
            *(self.monday, self.tuesday, self.wednesday, self.thursday),
            *(self.friday, self.saturday, self.sunday),
        )

    def spans(self, day: date) -> tuple[tuple[time, time], ...]:
        """Begin and end of each span of that day, local time."""
        texts = self.exceptions.get(day, self._week[day.weekday()])
        return tuple(sorted(map(_span, texts)))


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


def _check_reports(path: Path, settings: Settings) -> None:
    """Raises `SettingsError`."""
    if len({schedule.name for schedule in settings.reports}) < len(settings.reports):
        raise SettingsError(f"The settings file {path} has two [[reports]] of one name; give each its own.")
    take_reports = {each.name for each in settings.destinations if each.takes(Sendable.REPORT)}
    for schedule in settings.reports:
        for name in schedule.destinations:
            if name not in take_reports:
                raise SettingsError(
                    f"The settings file {path}: the reports {schedule.name} go to {name}, which is no destination that "
                    "takes reports; add one, or correct the name."
                )


def _span(text: str) -> tuple[time, time]:
    """Raises `ValueError` for what is no span of time."""
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", text)
    if not found:
        raise ValueError(f"opening hours are written like 09:00-19:00, not {text!r}")
    begin_hour, begin_minute, end_hour, end_minute = (int(part or 0) for part in found.groups())
    return time(begin_hour, begin_minute), time(end_hour, end_minute)


def _decode(kind: type, value: object) -> object:
    """For msgspec, which knows no paths: a text where a path belongs."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(f"{kind} can't be read from {value!r}")


def load_settings(path: Path) -> Settings:
    """Read and check the settings file; a missing file means the defaults.

    Raises `SettingsError` with the field and the reason.
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
        settings = msgspec.convert(tomllib.loads(text), Settings, dec_hook=_decode)
        settings.site.zone  # noqa: B018 - the time zone is looked up here so that a wrong one is found at start
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from error
    except msgspec.ValidationError as error:
        raise SettingsError(f"The settings file {path} has a wrong value: {error}.") from error
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(
            f"The settings file {path} names a time zone that doesn't exist; use one like Europe/Paris."
        ) from error
    names = [destination.name for destination in settings.destinations]
    if len(set(names)) < len(names):
        raise SettingsError(f"The settings file {path} has two destinations of one name; give each its own.")
    takes_metrics = {each.name for each in settings.destinations if each.takes(Sendable.METRIC)}
    for alert in settings.alerts:
        if alert.destination and alert.destination not in takes_metrics:
            raise SettingsError(
                f"The settings file {path}: the alert {alert.name} goes to {alert.destination}, which is no "
                'destination that takes the class "metric"; add one, or the class to it.'
            )
    _check_reports(path, settings)
    if len({alert.name for alert in settings.alerts}) < len(settings.alerts):
        raise SettingsError(f"The settings file {path} has two alerts of one name; give each its own.")
    if settings.anonymity.mode == "off" and len(settings.anonymity.reason.strip()) < SHORTEST_REASON:
        raise SettingsError(
            f"The settings file {path}: anonymity can be off only with a reason of {SHORTEST_REASON} letters or more; "
            'write reason = "…" below [anonymity], or choose another mode.'
        )
    if 60 % settings.analysis.bucket_minutes:
        raise SettingsError(
            f"The settings file {path}: bucket_minutes must divide an hour (5, 6, 10, 12, 15, 20, 30, 60)."
        )
    return settings
