"""Every packet on the loopback interface, which in a network of its own is all the network there is."""

import ipaddress
import socket
from collections import defaultdict
from types import TracebackType

from appliance.vision.background import Beside

ETH_P_ALL = 3
PACKET_OUTGOING = 4
LOOPBACK_HEADER = 14
IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP = 6, 17
LARGEST_PACKET = 1 << 17

Flow = tuple[str, str]


class Capture(Beside):
    """Captures while the context lasts. `flows`: what was carried, by sender and receiver."""

    def __init__(self) -> None:
        super().__init__("capture")
        self.flows: dict[Flow, bytearray] = defaultdict(bytearray)
        self.packets = 0
        # Raises PermissionError where the machine forbids it.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.bind(("lo", ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 26)
        self._socket.settimeout(0.2)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._socket.close()

    def work(self) -> None:
        while not self.stopped.is_set():
            try:
                packet, address = self._socket.recvfrom(LARGEST_PACKET)
            except TimeoutError:
                continue
            # On this interface each packet is seen when it goes and when it comes.
            if address[2] == PACKET_OUTGOING:
                self.packets += 1
                self._take(address[1], packet[LOOPBACK_HEADER:])

    def _take(self, protocol: int, packet: bytes) -> None:
        if protocol == IPV4:
            header, kind = 4 * (packet[0] & 15), packet[9]
            source, target = packet[12:16], packet[16:20]
        elif protocol == IPV6:
            header, kind = 40, packet[6]
            source, target = packet[8:24], packet[24:40]
        else:
            self.flows["protocol", hex(protocol)] += packet
            return
        body = packet[header:]
        ends = [str(ipaddress.ip_address(each)) for each in (source, target)]
        if kind in (TCP, UDP) and len(body) >= 8:
            name = "tcp" if kind == TCP else "udp"
            ports = int.from_bytes(body[0:2], "big"), int.from_bytes(body[2:4], "big")
            ends = [f"{name} {end}:{port}" for end, port in zip(ends, ports, strict=True)]
            body = body[4 * (body[12] >> 4) :] if kind == TCP else body[8:]
        else:
            ends = [f"protocol {kind} {end}" for end in ends]
        self.flows[ends[0], ends[1]] += body
