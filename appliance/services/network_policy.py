"""Which addresses each program may reach, as systemd enforces it (systemd.resource-control(5), `IPAddressAllow=`).

The units deny every address. This writes what the site needs into a drop-in of each unit: the cameras' addresses for
the engine, the destinations' for the courier, the page's port for the web program. A host that is given by name is
looked up here, and the program may then ask the name servers as well. Only root can write there: no program can widen
its list but by what stands in the site's database and settings, and each change of those is in the audit log.
"""

import ipaddress
import socket
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.errors import VeilsightError
from appliance.files import write_whole
from appliance.services.guarding import camera_host
from appliance.settings import Settings
from appliance.storage.cameras import Camera

UNITS = Path("/etc/systemd/system")
RESOLVER = Path("/etc/resolv.conf")
HEADER = (
    "# Written by `veilsight network-policy --write` from the site's cameras and settings; changes here are lost.\n"
)


class PolicyUnwritable(VeilsightError):
    """The drop-ins can't be written."""


@dataclass(frozen=True)
class NetworkPolicy:
    """The drop-in of each unit, by program, and the hosts whose address is not known at the moment."""

    drop_ins: dict[str, str]
    unknown: tuple[str, ...]


def policy_for(
    present: Iterable[Camera],
    settings: Settings,
    resolver: Path = RESOLVER,
    look_up: Callable[[str], tuple[str, ...]] | None = None,
) -> NetworkPolicy:
    """Work the drop-ins out. `look_up` gives a name's addresses, none where it is not known."""
    look_up = look_up or addresses_of
    cameras = {host[0] for camera in present if (host := camera_host(camera.source))}
    destinations = {place.host[0] for place in settings.destinations if place.host}
    engine, lost = _addresses(cameras, resolver, look_up)
    courier, lost_too = _addresses(destinations, resolver, look_up)
    drop_ins = {"engine": _allowing(engine), "courier": _allowing(courier), "web": _listening(settings)}
    return NetworkPolicy(drop_ins, tuple(sorted({*lost, *lost_too})))


def write_policy(policy: NetworkPolicy, units: Path = UNITS) -> tuple[str, ...]:
    """Write what differs; returns the units that changed. Raises `PolicyUnwritable`."""
    changed = []
    for program, text in policy.drop_ins.items():
        unit = f"veilsight-{program}.service"
        path = units / f"{unit}.d" / "50-network.conf"
        try:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, text.encode("utf-8"))
                changed.append(unit)
        except OSError as error:
            raise PolicyUnwritable(
                f"The drop-in {path} can't be written ({error.strerror}); run this as root."
            ) from error
    return tuple(changed)


def apply_policy() -> None:
    """Let systemd read the drop-ins; running programs are held to them from then on. Raises `PolicyUnwritable`."""
    if not Path("/run/systemd/system").is_dir():
        return
    try:
        subprocess.run(["systemctl", "daemon-reload"], check=True, capture_output=True, timeout=90)
    except (OSError, subprocess.SubprocessError) as error:
        raise PolicyUnwritable("systemd could not read the new drop-ins; run `systemctl daemon-reload`.") from error


def addresses_of(name: str) -> tuple[str, ...]:
    """The numeric addresses of a host, sorted; none where it can't be looked up."""
    try:
        return tuple(sorted({str(each[4][0]) for each in socket.getaddrinfo(name, None)}))
    except OSError:
        return ()


def _addresses(
    hosts: Iterable[str], resolver: Path, look_up: Callable[[str], tuple[str, ...]]
) -> tuple[set[str], set[str]]:
    """The addresses to allow, and the hosts that have none."""
    allowed: set[str] = set()
    lost: set[str] = set()
    for host in hosts:
        found = (host,) if _is_numeric(host) else look_up(host)
        allowed.update(found)
        if not found:
            lost.add(host)
        if not _is_numeric(host):
            allowed.update(_name_servers(resolver))
    return allowed, lost


def _name_servers(resolver: Path) -> set[str]:
    try:
        lines = resolver.read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    words = [line.split() for line in lines if line.startswith("nameserver")]
    return {each[1] for each in words if len(each) > 1 and _is_numeric(each[1])}


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _allowing(addresses: set[str]) -> str:
    # A zone such as %eth0 is no part of what systemd compares.
    lines = [f"IPAddressAllow={each.partition('%')[0]}\n" for each in sorted(addresses)]
    return HEADER + "[Service]\nIPAddressAllow=\n" + "".join(lines)


def _listening(settings: Settings) -> str:
    return HEADER + f"[Service]\nSocketBindAllow=\nSocketBindAllow=tcp:{settings.web.port}\n"
