"""Which ONVIF cameras are on the local network: WS-Discovery's probe by multicast, and what answers it.

WS-Discovery 2005/04, sections 3.1 and 5.2, and the ONVIF Core Specification, section 7.3.
"""

import contextlib
import selectors
import socket
import struct
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lxml import etree

GROUP, PORT = "239.255.255.250", 3702
SEARCH_SECONDS = 4.0
# A probe may be lost; it is sent this often.
PROBES = 2
MOST_DEVICES = 1000
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
SCOPE = "onvif://www.onvif.org/"
PROBE = f"""<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="{ADDRESSING}" xmlns:d="{DISCOVERY}"
    xmlns:n="http://www.onvif.org/ver10/network/wsdl">
  <s:Header>
    <a:Action s:mustUnderstand="1">{DISCOVERY}/Probe</a:Action>
    <a:MessageID>%s</a:MessageID>
    <a:ReplyTo><a:Address>{ADDRESSING}/role/anonymous</a:Address></a:ReplyTo>
    <a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>
  </s:Header>
  <s:Body><d:Probe><d:Types>n:NetworkVideoTransmitter</d:Types></d:Probe></s:Body>
</s:Envelope>"""


@dataclass(frozen=True, order=True)
class Device:
    """A camera that answered: the address of its device service, and what it calls itself."""

    address: str
    name: str = ""
    hardware: str = ""


def find_devices(seconds: float = SEARCH_SECONDS) -> list[Device]:
    """The cameras that answer within the time, sorted by address; IPv4 alone."""
    message = f"urn:uuid:{uuid.uuid4()}"
    found: dict[str, Device] = {}
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for each in _sockets(stack):
            selector.register(each, selectors.EVENT_READ)
            for _ in range(PROBES):
                with contextlib.suppress(OSError):  # an interface without a way to the network
                    each.sendto((PROBE % message).encode(), (GROUP, PORT))
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and len(found) < MOST_DEVICES:
            for key, _ in selector.select(left):
                assert isinstance(key.fileobj, socket.socket)  # noqa: S101 - what was registered above
                datagram, sender = key.fileobj.recvfrom(2**16)
                device = read_answer(datagram, message, sender[0])
                if device is not None:
                    found[device.address] = device
    return sorted(found.values())


def _sockets(stack: contextlib.ExitStack) -> Iterator[socket.socket]:
    """One for each of the machine's network interfaces."""
    for index, _name in socket.if_nameindex():
        each = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        # struct ip_mreqn: the group, the address and the number of the interface.
        each.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", bytes(4), bytes(4), index))
        each.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        yield each


def read_answer(datagram: bytes, message: str, sender: str) -> Device | None:
    """The device behind an answer to `message`, or None where it is no answer.

    Anything on the network can send one. So a document with entities is not read, and of the addresses in it only one
    at the sender counts: nobody can send us elsewhere.
    """
    try:
        document = etree.fromstring(datagram, _parser())
    except (etree.XMLSyntaxError, ValueError):
        return None
    if document.getroottree().docinfo.doctype or document.findtext(f".//{{{ADDRESSING}}}RelatesTo") != message:
        return None
    addresses = (document.findtext(f".//{{{DISCOVERY}}}XAddrs") or "").split()
    scopes = (document.findtext(f".//{{{DISCOVERY}}}Scopes") or "").split()
    for address in addresses:
        if _is_at(address, sender):
            return Device(address, _scope(scopes, "name"), _scope(scopes, "hardware"))
    return None


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _is_at(address: str, host: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.hostname == host


def _scope(scopes: list[str], kind: str) -> str:
    """A scope's last part in printable characters, at most 60 of them."""
    prefix = f"{SCOPE}{kind}/"
    value = next((unquote(scope.removeprefix(prefix)) for scope in scopes if scope.startswith(prefix)), "")
    return "".join(character for character in value if character.isprintable())[:60]
