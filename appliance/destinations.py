"""Where something may be sent: the settings' `[[destinations]]`.

No secret stands here: passwords, private keys and tokens are kept sealed in the database, for the courier alone
(`appliance.storage.destination_secrets`).
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta

# How a destination is reached, by its address' scheme, with the port that the address may leave out.
PORTS: Mapping[str, int] = MappingProxyType({"https": 443, "s3": 443, "sftp": 22, "smtp": 587, "smtps": 465})
HOST_KEY_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")


class Sendable(StrEnum):
    """Classes of data that may be given a destination. Frames, raw or redacted, are not among them, nor is the log."""

    REPORT = "report"
    METRIC = "metric"


class Destination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named place that something may be sent to, and which classes of data may go there.

    It is either a `folder` or a `url`:

    - `folder`, such as a mounted share or a USB stick. With `mount_point` nothing is written unless that is mounted.
    - `https://host/path` takes requests of the `method`; a PUT goes to the path with the file's name added.
    - `s3://host/bucket/folder` is storage that speaks S3 over TLS, with the bucket in the path. `user` is the access
      key's identifier, `region` is signed along.
    - `sftp://host/folder` logs in as `user`, where the server has the `host_key`: a kind and a key, as in known_hosts.
      The folder begins at the top of the file system; `/~/folder` is in the user's home.
    - `smtp://host` (TLS by STARTTLS) and `smtps://host` send e-mail from `sender` to `recipients`, as `user` if given.

    `authority` is a PEM file with the certificate that the server's is checked against, where the public ones don't
    know it.
    """

    name: Annotated[str, Meta(pattern="^[a-z0-9-]+$", max_length=60)]
    folder: Path | None = None
    url: str = ""
    classes: tuple[Sendable, ...] = (Sendable.REPORT,)
    authority: Path | None = None
    mount_point: Path | None = None
    method: Literal["POST", "PUT"] = "POST"
    user: str = ""
    host_key: str = ""
    region: str = "us-east-1"
    sender: str = ""
    recipients: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.folder is None) == (not self.url):
            raise ValueError(f"the destination {self.name} needs either a folder or a url")
        if self.mount_point is not None:
            _check_mount_point(self)
        if self.url:
            _check_url(self)
        problem = _CHECKS[self.kind](self) if self.kind in _CHECKS else ""
        if problem:
            raise ValueError(f"the destination {self.name} {problem}")

    @property
    def kind(self) -> str:
        """`folder`, or the scheme of its address."""
        return self.parts.scheme if self.url else "folder"

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def host(self) -> tuple[str, int] | None:
        """The host and port that are connected to; None for a folder."""
        if not self.url:
            return None
        return self.parts.hostname or "", self.parts.port or PORTS[self.parts.scheme]

    @property
    def shown(self) -> str:
        """Where it leads, for people: without the path of an https address, which may hold a token."""
        if self.host is None:
            return str(self.folder)
        hidden = self.kind in ("https", "smtp", "smtps")
        return f"{self.kind}://{self.host[0]}:{self.host[1]}" + ("" if hidden else self.parts.path)

    def takes(self, data_class: Sendable) -> bool:
        return data_class in self.classes


def _check_mount_point(place: Destination) -> None:
    if place.folder is None or place.mount_point is None or not place.folder.is_relative_to(place.mount_point):
        raise ValueError(f"the destination {place.name} has a mount_point, so its folder must be that or lie in it")


def _check_url(place: Destination) -> None:
    # The address may hold a token, so that no message repeats it.
    if not _is_plain(place.url):
        raise ValueError(
            f"the url of the destination {place.name} must be like https://host/path, without user, "
            f"and begin with one of {', '.join(PORTS)}"
        )


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = parts.username is None and not parts.fragment and url.isascii() and url.isprintable() and " " not in url
        query = not parts.query or parts.scheme == "https"
        return parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0 and plain and query
    except ValueError:
        return False


def _check_sftp(place: Destination) -> str:
    kind, _, key = place.host_key.partition(" ")
    if not place.user:
        return "needs a user"
    if kind not in HOST_KEY_KINDS or not key:
        return "needs the server's host_key, such as ssh-ed25519 AAAA…; `ssh-keyscan` prints it, the server confirms it"
    return ""


def _check_s3(place: Destination) -> str:
    if not place.user:
        return "needs a user, which is the identifier of the access key"
    return "" if place.parts.path.strip("/") else "needs its bucket, such as s3://host/bucket"


def _check_mail(place: Destination) -> str:
    addresses = (place.sender, *place.recipients)
    if len(addresses) < 2 or not all(map(_is_mail_address, addresses)):
        return "needs a sender and recipients, each such as reports@example.org"
    return ""


def _is_mail_address(text: str) -> bool:
    user, _, host = text.rpartition("@")
    plain = text.isascii() and text.isprintable() and not set(text) & set(' ,;:<>()[]"\\')
    return bool(user and host) and plain


_CHECKS = MappingProxyType({"sftp": _check_sftp, "s3": _check_s3, "smtp": _check_mail, "smtps": _check_mail})
