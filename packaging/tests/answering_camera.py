"""A camera on the local network that answers WS-Discovery's probes, at the address and the interface in the arguments.

Runs inside the root that is tried, with Debian's own Python.
"""

import re
import socket
import struct
import sys

GROUP, PORT = "239.255.255.250", 3702
ANSWER = """<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
 xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">
<s:Header><a:RelatesTo>{}</a:RelatesTo></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>
<d:Scopes>onvif://www.onvif.org/name/Front%20door</d:Scopes><d:XAddrs>http://{}/onvif/device_service</d:XAddrs>
</d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"""


def main(address: str, interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
        camera.bind(("", PORT))
        # struct ip_mreqn: the group, the address and the number of the interface.
        member = struct.pack("4s4si", socket.inet_aton(GROUP), bytes(4), socket.if_nametoindex(interface))
        camera.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        print("listening", flush=True)
        while True:
            probe, sender = camera.recvfrom(2**16)
            message = re.search(rb"MessageID>([^<]+)<", probe)
            if message:
                camera.sendto(ANSWER.format(message.group(1).decode(), address).encode(), sender)


if __name__ == "__main__":
    main(*sys.argv[1:])
