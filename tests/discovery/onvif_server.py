"""An ONVIF camera for tests: answers GetSystemDateAndTime, GetServices, GetProfiles and GetStreamUri over HTTP.

    python -m tests.discovery.onvif_server

Run so, it also answers WS-Discovery's probes and says "ready" once it listens. It asks for a user name and the digest
of a password, as cameras do (WS-Security UsernameToken).
"""

import base64
import hashlib
import http.server
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lxml import etree

USERNAME, PASSWORD = "viewer", "s3cret/word"
SECURITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
UTILITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>%s'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:t="http://www.onvif.org/ver10/schema"'
    ' xmlns:d="http://www.onvif.org/ver10/device/wsdl" xmlns:m="http://www.onvif.org/ver10/media/wsdl"'
    ' xmlns:e="http://www.onvif.org/ver10/error">%s<s:Body>%s</s:Body></s:Envelope>'
)
REFUSED = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>e:NotAuthorized</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en">Sender not Authorized</s:Text></s:Reason></s:Fault>'
)
CLOCK = (
    "<d:GetSystemDateAndTimeResponse><d:SystemDateAndTime><t:DateTimeType>NTP</t:DateTimeType>"
    "<t:DaylightSavings>false</t:DaylightSavings><t:UTCDateTime><t:Time><t:Hour>12</t:Hour><t:Minute>0</t:Minute>"
    "<t:Second>0</t:Second></t:Time><t:Date><t:Year>2026</t:Year><t:Month>1</t:Month><t:Day>1</t:Day></t:Date>"
    "</t:UTCDateTime></d:SystemDateAndTime></d:GetSystemDateAndTimeResponse>"
)
PROFILE = (
    '<m:Profiles token="{token}" fixed="true"><t:Name>{token}</t:Name>'
    '<t:VideoEncoderConfiguration token="{token}"><t:Name>{token}</t:Name><t:UseCount>1</t:UseCount>'
    "<t:Encoding>{codec}</t:Encoding><t:Resolution><t:Width>{width}</t:Width><t:Height>{height}</t:Height>"
    "</t:Resolution><t:Quality>4</t:Quality><t:RateControl><t:FrameRateLimit>{rate}</t:FrameRateLimit>"
    "<t:EncodingInterval>1</t:EncodingInterval><t:BitrateLimit>4096</t:BitrateLimit></t:RateControl>"
    "</t:VideoEncoderConfiguration></m:Profiles>"
)
PROFILES = (("main", "H264", 2560, 1440, 25), ("sub", "H264", 704, 576, 12), ("tiny", "JPEG", 320, 240, 5))
MATCH = (
    '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:n="http://www.onvif.org/ver10/network/wsdl">'
    "<s:Header><a:MessageID>urn:uuid:1</a:MessageID><a:RelatesTo>{message}</a:RelatesTo>"
    "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action></s:Header><s:Body>"
    "<d:ProbeMatches><d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:2</a:Address></a:EndpointReference>"
    "<d:Types>n:NetworkVideoTransmitter</d:Types><d:Scopes>onvif://www.onvif.org/name/Front%20door"
    " onvif://www.onvif.org/hardware/C-100</d:Scopes><d:XAddrs>{addresses}</d:XAddrs>"
    "<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
)


@dataclass
class Behaviour:
    """How the camera misbehaves. `elsewhere` is the host that its stream addresses name; `prolog` precedes its XML."""

    elsewhere: str = "127.0.0.1"
    prolog: str = ""


class _Server(http.server.ThreadingHTTPServer):
    behaviour: Behaviour


class _Camera(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        request = etree.fromstring(self.rfile.read(int(self.headers["Content-Length"])))
        operation = etree.QName(request.find("{*}Body")[0]).localname
        allowed = operation == "GetSystemDateAndTime" or _is_authorised(request)
        body = self._answer(operation, request) if allowed else REFUSED
        content = (ENVELOPE % (self.server.behaviour.prolog, "<s:Header/>", body)).encode()
        self.send_response(200 if allowed else 400)
        self.send_header("Content-Type", "application/soap+xml; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, operation: str, request: etree._Element) -> str:
        here = f"127.0.0.1:{self.server.server_address[1]}"
        if operation == "GetSystemDateAndTime":
            return CLOCK
        if operation == "GetServices":
            service = (
                "<d:Service><d:Namespace>http://www.onvif.org/ver10/media/wsdl</d:Namespace>"
                f"<d:XAddr>http://{here}/onvif/media</d:XAddr>"
                "<d:Version><t:Major>2</t:Major><t:Minor>5</t:Minor></d:Version></d:Service>"
            )
            return f"<d:GetServicesResponse>{service}</d:GetServicesResponse>"
        if operation == "GetProfiles":
            names = ("token", "codec", "width", "height", "rate")
            profiles = "".join(PROFILE.format(**dict(zip(names, each, strict=True))) for each in PROFILES)
            return f"<m:GetProfilesResponse>{profiles}</m:GetProfilesResponse>"
        token = request.findtext(".//{*}ProfileToken")
        # Some cameras put their password into the address.
        address = f"rtsp://{USERNAME}:hidden@{self.server.behaviour.elsewhere}:554/{token}"
        return (
            f"<m:GetStreamUriResponse><m:MediaUri><t:Uri>{address}</t:Uri>"
            "<t:InvalidAfterConnect>false</t:InvalidAfterConnect><t:InvalidAfterReboot>false</t:InvalidAfterReboot>"
            "<t:Timeout>PT60S</t:Timeout></m:MediaUri></m:GetStreamUriResponse>"
        )

    def log_message(self, *_: object) -> None:
        pass


def _is_authorised(request: etree._Element) -> bool:
    nonce = base64.b64decode(request.findtext(f".//{SECURITY}Nonce") or "")
    created = request.findtext(f".//{UTILITY}Created") or ""
    digest = hashlib.sha1(nonce + created.encode() + PASSWORD.encode()).digest()  # noqa: S324 - as the standard says
    shown = request.findtext(f".//{SECURITY}Password") or ""
    return request.findtext(f".//{SECURITY}Username") == USERNAME and shown == base64.b64encode(digest).decode()


@contextmanager
def onvif_camera(behaviour: Behaviour | None = None) -> Iterator[str]:
    """The address of the camera's device service on the loopback interface."""
    with _Server(("127.0.0.1", 0), _Camera) as server:
        server.behaviour = behaviour or Behaviour()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/onvif/device_service"
        finally:
            server.shutdown()
            thread.join()


def answer_probes(address: str) -> None:
    """Answer WS-Discovery's probes for ever; an address that is not the camera's own comes first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answering:
        answering.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        answering.bind(("239.255.255.250", 3702))
        group = socket.inet_aton("239.255.255.250") + struct.pack("4si", bytes(4), socket.if_nametoindex("lo"))
        answering.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        print("ready", flush=True)
        while True:
            probe, sender = answering.recvfrom(2**16)
            message = etree.fromstring(probe).findtext(".//{*}MessageID")
            match = MATCH.format(message=message, addresses=f"http://192.0.2.1/onvif/device_service {address}")
            for each in (b"rubbish", match.encode()):
                answering.sendto(each, sender)


if __name__ == "__main__":
    with onvif_camera() as own_address:
        threading.Thread(target=answer_probes, args=(own_address,), daemon=True).start()
        sys.stdin.read()
