"""An RTSP camera that sends rubbish: well-formed packets from the outside, random bytes where a picture should be."""

import contextlib
import random
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

DESCRIPTION = (
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=rubbish\r\nt=0 0\r\n"
    b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:video\r\n"
)
HEADERS = {
    b"OPTIONS": b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
    b"DESCRIBE": b"Content-Type: application/sdp\r\nContent-Length: %d\r\n" % len(DESCRIPTION),
    b"SETUP": b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
    b"PLAY": b"Session: 1\r\n",
}
# Kinds of network abstraction layer units: slices, a key frame, parameter sets.
UNITS = (0x41, 0x65, 0x67, 0x68)


class _Camera(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the other side left
            self._answer()

    def _answer(self) -> None:
        while request := self.rfile.readline().split():
            sequence = b"0"
            while header := self.rfile.readline().strip():
                name, _, value = header.partition(b":")
                sequence = value.strip() if name.lower() == b"cseq" else sequence
            method = request[0]
            body = DESCRIPTION if method == b"DESCRIBE" else b""
            self.wfile.write(b"RTSP/1.0 200 OK\r\nCSeq: %s\r\n%s\r\n%s" % (sequence, HEADERS.get(method, b""), body))
            if method == b"PLAY":
                self._send_rubbish()

    def _send_rubbish(self) -> None:
        rubbish = random.Random(7)  # noqa: S311 - the same rubbish each time
        for number in range(2**16):
            unit = bytes([rubbish.choice(UNITS)]) + rubbish.randbytes(200)
            # Marker bit, payload type 96; sequence number, time stamp, source; each packet is a picture of its own.
            packet = b"\x80\xe0" + number.to_bytes(2) + (number * 3000).to_bytes(4) + bytes(4) + unit
            self.wfile.write(b"$\x00" + len(packet).to_bytes(2) + packet)


@contextmanager
def garbage_camera() -> Iterator[str]:
    """The camera's address on the loopback interface."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Camera) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"rtsp://127.0.0.1:{server.server_address[1]}/stream"
        finally:
            server.shutdown()
            thread.join()
