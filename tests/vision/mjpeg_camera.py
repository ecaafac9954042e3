"""A camera that sends JPEG after JPEG over HTTP, behind a user name and a password, as many do."""

import base64
import contextlib
import http.server
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

USERNAME, PASSWORD = "viewer", "s3cret/word"
AUTHORISED = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
FRAME_RATE = 20
SHORT_FRAMES = 20


class _Server(http.server.ThreadingHTTPServer):
    pace: threading.Event


class _Camera(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if self.headers["Authorization"] != AUTHORISED:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200)
        if self.path == "/rubbish":
            self.send_header("Content-Type", "application/octet-stream")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(np.random.default_rng(7).bytes(2**20))
            return
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            self._send_pictures()

    def _send_pictures(self) -> None:
        for number in itertools.count():
            if self.path == "/short" and number == SHORT_FRAMES:
                return
            _, jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 5 * (number % 50), np.uint8))
            self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
            self.wfile.write(jpeg.tobytes() + b"\r\n")
            self.server.pace.wait(1 / FRAME_RATE)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def mjpeg_camera() -> Iterator[str]:
    """The camera's address; its path /rubbish sends no picture, and /short breaks off after a second."""
    with _Server(("127.0.0.1", 0), _Camera) as server:
        server.daemon_threads = True
        server.pace = threading.Event()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
