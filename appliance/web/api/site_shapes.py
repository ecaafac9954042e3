"""The shapes of the API's answers about privacy and about the system."""

import msgspec

from appliance.web.api.shapes import Moment


class KeptFor(msgspec.Struct, frozen=True):
    """How long each class of data is kept, in months; pictures, raw or redacted, are not kept at all."""

    counts: int
    reports: int
    log: int


class AnonymityInForce(msgspec.Struct, frozen=True):
    """`epsilon` is the budget of one visit to one camera in the mode `differential`, `k` holds in `threshold`.

    `reason` says why it is `off`.
    """

    mode: str
    epsilon: float
    k: int
    bucket_minutes: int
    reason: str


class Privacy(msgspec.Struct, frozen=True):
    """`public_key` is the site's in PEM, `live_views` and `taken_away` are numbers of the last `days`."""

    kept_months: KeptFor
    anonymity: AnonymityInForce
    public_key: str
    fingerprint: str
    days: int
    live_views: int
    taken_away: int


class SystemFinding(msgspec.Struct, frozen=True):
    """`state` is one of fine, note and wrong."""

    check: str
    state: str
    text: str


class SystemNetwork(msgspec.Struct, frozen=True):
    """A network at work; `pictures_per_second` was measured when it was put there, and is null if it was not."""

    task: str
    name: str
    device: str
    runtime: str
    precision: str
    pictures_per_second: float | None


class SystemSetting(msgspec.Struct, frozen=True):
    """A setting in force, as text; `origin` is one of default, settings file and answered on the page."""

    section: str
    name: str
    value: str
    origin: str


class SystemWarning(msgspec.Struct, frozen=True):
    """A warning or an error of one of the programs of late."""

    time: Moment
    program: str
    level: str
    text: str


class SystemState(msgspec.Struct, frozen=True):
    """`examined` is null until the site was looked at, which the first question begins; then findings are there."""

    version: str
    examined: Moment | None
    findings: list[SystemFinding]
    networks: list[SystemNetwork]
    settings: list[SystemSetting]
    warnings: list[SystemWarning]
