"""Opening a camera or a recording with FFmpeg: its options, its time limits, and what failed in plain words."""

import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

import av
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer

from appliance.errors import VeilsightError

Transport = Literal["tcp", "udp"]

OPEN_SECONDS = 10.0
READ_SECONDS = 5.0
REFUSED = "it refuses the user name or the password; check both"
SILENT = f"silent for {READ_SECONDS:g} seconds"
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
# FFmpeg's kinds of hardware that decode, and the file that is there where a machine has one.
HARDWARE = (("vaapi", "dri/renderD*"), ("cuda", "nvidiactl"))
HARDWARE_KINDS = tuple(kind for kind, _device in HARDWARE)


class SourceError(VeilsightError):
    """A camera or recording can't be opened or read. The message holds no user name and no password."""


class SourceRefused(SourceError):
    """A camera answers and takes neither the user name nor the password; trying often may lock the user out."""


class SourceStopped(SourceError):
    """A source that was open gives no more frames."""


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
) -> InputContainer:
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
            raise SourceStopped(f"{name} is no longer wanted.")
        if time.monotonic() > until:
            opening.abandon()
            break
    if opening.container is None:
        # Raised out here, so that FFmpeg's error, which names the address and the password in it, is not attached.
        kind = SourceRefused if opening.failure == REFUSED else SourceError
        raise kind(f"{name} can't be reached: {opening.failure or explain(source, TimeoutError())}.")
    return opening.container


def _open(source: str, username: str, password: str, transport: Transport) -> InputContainer:
    if is_usb(source):
        return av.open(source, format="v4l2", timeout=(OPEN_SECONDS, READ_SECONDS))
    options = _rtsp_options(transport) if has_transport(source) else _http_options()
    address = with_credentials(source, username, password)
    # Hardware does not tell that packets were lost, which UDP does not mend.
    hardware = None if transport == "udp" and has_transport(source) else hardware_decoder()
    return av.open(address, options=options, timeout=(OPEN_SECONDS, READ_SECONDS), hwaccel=hardware)


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


def hardware_decoder(devices: Path = Path("/dev")) -> HWAccel | None:
    """The first hardware that this machine has, that FFmpeg was built for, and that can be started.

    Streams it can't decode are decoded in software all the same.
    """
    built = hwdevices_available()
    for kind, device in HARDWARE:
        if kind not in built or not any(devices.glob(device)):
            continue
        accelerator = HWAccel(kind, allow_software_fallback=True, options=_shared_context(kind))
        try:
            accelerator.create(av.Codec("h264", "r"))
        except (av.FFmpegError, OSError, NotImplementedError):
            continue
        return accelerator
    return None


def _shared_context(kind: str) -> dict[str, object] | None:
    # One context for all cameras: each costs a few hundred megabytes of an NVIDIA device's memory.
    return {"primary_ctx": "1"} if kind == "cuda" else None


class _Opening:
    """A container that another thread opens; whoever waits for it may walk away."""

    def __init__(self, opener: Callable[[], InputContainer], explainer: Callable[[Exception], str]) -> None:
        self.done = threading.Event()
        self.container: InputContainer | None = None
        self.failure = ""
        self._opener = opener
        self._explainer = explainer
        self._lock = threading.Lock()
        self._abandoned = False

    def run(self) -> None:
        try:
            container = self._opener()
            with self._lock:
                self.container = None if self._abandoned else container
            if self.container is None:
                container.close()
        except Exception as error:
            self.failure = self._explainer(error)
        self.done.set()

    def abandon(self) -> None:
        """Whatever comes is closed at once."""
        with self._lock:
            self._abandoned = True
            container, self.container = self.container, None
        if container is not None:
            container.close()


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
        return f"the device {source} does not work ({reason(error)}); check that a camera is plugged in"
    parts = urlsplit(source)
    place = f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}"
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return REFUSED
    if isinstance(error, av.error.HTTPNotFoundError):
        return "it has no stream of this name; check the address's path"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing answers at {place}; check the address, and that the camera is on"
    if isinstance(error, TimeoutError | av.error.ExitError):
        return f"{place} did not answer within {OPEN_SECONDS:g} seconds; check the network"
    if isinstance(error, av.error.InvalidDataError | av.error.ArgumentError):
        return f"what {place} sends is no video; check the address"
    unknown = isinstance(error, socket.gaierror)
    if unknown or (type(error) is av.error.OSError and not _is_known(parts.hostname or "")):
        return f"the name {parts.hostname} is not known in this network; check it, or give a number address"
    return f"{place}: {reason(error)}; check address, user name and password"


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
