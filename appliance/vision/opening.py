"""Opening a camera or a recording with FFmpeg: its options, its time limits, and what failed in plain words."""

import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

import av
from av.container import InputContainer

from appliance.errors import VeilsightError
from appliance.language import marked, sentence
from appliance.vision.decoding import OVER_UDP, USB, Decoding, choose_hardware

Transport = Literal["tcp", "udp"]

OPEN_SECONDS = 10.0
READ_SECONDS = 5.0
REFUSED = sentence("it refuses the user name or the password; check both")
SILENT = sentence("silent for %(seconds)s seconds", seconds=READ_SECONDS)
UNREACHED = marked("%(camera)s can't be reached: %(reason)s.")
BROKE_OFF = marked("%(camera)s broke off: %(reason)s.")
# How often a wait looks whether it is to be given up.
STOP_SECONDS = 0.1
# FFmpeg looks at most this long at a stream to learn what it holds; it needs no more than one key frame.
ANALYSE_SECONDS = 2.0
RTSP_SCHEMES = ("rtsp", "rtsps")
LIVE_SCHEMES = (*RTSP_SCHEMES, "http", "https")
USB_DEVICE = re.compile(r"/dev/(video\d+|v4l/\S+)")
# What a camera may make FFmpeg speak: no files, and no list of other addresses.
RTSP_PROTOCOLS = "rtsp,rtsps,rtp,udp,tcp,tls,crypto"
HTTP_PROTOCOLS = "http,https,httpproxy,tcp,tls"
HTTP_FORMATS = "mpjpeg,mjpeg,jpeg_pipe,mpegts,flv,h264,hevc,matroska,webm,mov,mp4"


class SourceError(VeilsightError):
    """A camera or recording can't be opened or read. The message holds no user name and no password."""


class SourceRefused(SourceError):
    """A camera answers and takes neither the user name nor the password; trying often may lock the user out."""


class SourceStopped(SourceError):
    """A source that was open gives no more frames."""


@dataclass(frozen=True)
class Opened:
    """A connection, and why the processor decodes it; empty where hardware is to."""

    container: InputContainer
    why_software: str


def is_usb(source: str) -> bool:
    return USB_DEVICE.fullmatch(source) is not None


def is_live(source: str) -> bool:
    """Whether this is a camera: an address on the network, or a device of this machine."""
    return is_usb(source) or urlsplit(source).scheme.lower() in LIVE_SCHEMES


def has_transport(source: str) -> bool:
    """Whether TCP or UDP is a choice: for RTSP alone."""
    return urlsplit(source).scheme.lower() in RTSP_SCHEMES


def open_recording(path: str) -> InputContainer:
    """A file, by FFmpeg. Raises FFmpeg's errors."""
    # A play list can name addresses; a recording may not make this process connect anywhere.
    return av.open(path, options={"protocol_whitelist": "file"})


def open_camera(
    source: str,
    name: str,
    username: str = "",
    password: str = "",
    transport: Transport = "tcp",
    stop: threading.Event | None = None,
) -> Opened:
    """A camera's connection. `name` is how messages call it.

    Gives up after `OPEN_SECONDS` or when `stop` is set, even where FFmpeg can't be interrupted: while it looks a name
    up. Raises `SourceError`, and `SourceStopped` where `stop` was set.
    """
    # The thread explains what failed as well: that may take another look at the name.
    opening = _Opening(lambda: _open(source, username, password, transport), lambda error: explain(source, error))
    threading.Thread(target=opening.run, name=f"open {name}", daemon=True).start()
    # FFmpeg's own limit comes first, where it works.
    until = time.monotonic() + OPEN_SECONDS + 1.0
    while not opening.done.wait(STOP_SECONDS):
        if stop is not None and stop.is_set():
            opening.abandon()
            raise SourceStopped(marked("%(camera)s is no longer wanted."), camera=name)
        if time.monotonic() > until:
            opening.abandon()
            break
    if opening.opened is None:
        # Raised out here, so that FFmpeg's error, which names the address and the password in it, is not attached.
        kind = SourceRefused if opening.failure == REFUSED else SourceError
        raise kind(UNREACHED, camera=name, reason=opening.failure or explain(source, TimeoutError()))
    return opening.opened


def _open(source: str, username: str, password: str, transport: Transport) -> Opened:
    if is_usb(source):
        return Opened(av.open(source, format="v4l2", timeout=(OPEN_SECONDS, READ_SECONDS)), USB)
    options = _rtsp_options(transport) if has_transport(source) else _http_options()
    address = with_credentials(source, username, password)
    # Hardware does not tell that packets were lost, which UDP does not mend.
    lossy = transport == "udp" and has_transport(source)
    decoding = Decoding(None, OVER_UDP) if lossy else choose_hardware()
    container = av.open(address, options=options, timeout=(OPEN_SECONDS, READ_SECONDS), hwaccel=decoding.hardware)
    return Opened(container, decoding.reason)


def _rtsp_options(transport: Transport) -> dict[str, str]:
    return {
        "rtsp_transport": transport,
        "protocol_whitelist": RTSP_PROTOCOLS,
        # Of the socket, in microseconds; it also bounds the farewell to a camera that no longer answers.
        "timeout": str(int(READ_SECONDS * 1e6)),
        **_quick_start(),
        "buffer_size": str(2 * 2**20),
    }


def _http_options() -> dict[str, str]:
    return {
        "protocol_whitelist": HTTP_PROTOCOLS,
        "format_whitelist": HTTP_FORMATS,
        "rw_timeout": str(int(READ_SECONDS * 1e6)),
        **_quick_start(),
    }


def _quick_start() -> dict[str, str]:
    # Waiting for twenty frames to tell their rate would double the time to the first one. What came while FFmpeg
    # looked is kept, since the first key frame is among it.
    return {"analyzeduration": str(int(ANALYSE_SECONDS * 1e6)), "fpsprobesize": "0", "flags": "low_delay"}


class _Opening:
    """A connection that another thread opens; whoever waits for it may walk away."""

    def __init__(self, opener: Callable[[], Opened], explainer: Callable[[Exception], str]) -> None:
        self.done = threading.Event()
        self.opened: Opened | None = None
        self.failure = ""
        self._opener = opener
        self._explainer = explainer
        self._lock = threading.Lock()
        self._abandoned = False

    def run(self) -> None:
        try:
            opened = self._opener()
            with self._lock:
                self.opened = None if self._abandoned else opened
            if self.opened is None:
                opened.container.close()
        except Exception as error:
            self.failure = self._explainer(error)
        self.done.set()

    def abandon(self) -> None:
        """Whatever comes is closed at once."""
        with self._lock:
            self._abandoned = True
            opened, self.opened = self.opened, None
        if opened is not None:
            opened.container.close()


def with_credentials(address: str, username: str, password: str) -> str:
    """The address as FFmpeg wants it. It goes into no message, log or process list."""
    if not username:
        return address
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(username, safe='')}:{quote(password, safe='')}@{host}"))


def explain(source: str, error: Exception) -> str:
    """What kept a camera from being opened and what to do, without user name and password."""
    if is_usb(source):
        return sentence(
            "the device %(device)s does not work (%(reason)s); check that a camera is plugged in",
            device=source,
            reason=reason(error),
        )
    parts = urlsplit(source)
    place = f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}"
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return REFUSED
    if isinstance(error, av.error.HTTPNotFoundError):
        return sentence("it has no stream of this name; check the address's path")
    if isinstance(error, ConnectionRefusedError):
        return sentence("nothing answers at %(place)s; check the address, and that the camera is on", place=place)
    if isinstance(error, TimeoutError | av.error.ExitError):
        return sentence(
            "%(place)s did not answer within %(seconds)s seconds; check the network", place=place, seconds=OPEN_SECONDS
        )
    if isinstance(error, av.error.InvalidDataError | av.error.ArgumentError):
        return sentence("what %(place)s sends is no video; check the address", place=place)
    unknown = isinstance(error, socket.gaierror)
    if unknown or (type(error) is av.error.OSError and not _is_known(parts.hostname or "")):
        return sentence(
            "the name %(name)s is not known in this network; check it, or give a number address", name=parts.hostname
        )
    return sentence("%(place)s: %(reason)s; check address, user name and password", place=place, reason=reason(error))


def _is_known(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    return True


def reason(error: Exception) -> str:
    """FFmpeg's reason alone: its messages end with the address, which may hold a password."""
    if isinstance(error, av.error.ExitError):
        return SILENT
    text = getattr(error, "strerror", None) or type(error).__name__
    return re.sub(r"\S*://\S*|\S*@\S*", "…", str(text))
