"""Under which names the page may be asked for, so that no foreign page reaches it under a name of its own.

A foreign name that is made to point at this machine (DNS rebinding) would let a page from elsewhere talk to this one as
if it were its own. An address can't be made to point elsewhere, so every address is taken.
"""

import ipaddress
from collections.abc import Iterable

from flask import request
from werkzeug.exceptions import BadRequest


class UnknownHost(BadRequest):
    """The page was asked for under a name that is not this machine's."""


def require_known_host(names: Iterable[str]) -> None:
    """Raises `UnknownHost`."""
    if not is_known(request.headers.get("Host", ""), frozenset(names)):
        raise UnknownHost


def is_known(host: str, names: frozenset[str]) -> bool:
    """Whether the header's value, with or without a port, is an address or one of the names, written in any case."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.lower().removesuffix(".") in names
    return True
