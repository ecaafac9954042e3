"""What streams an ONVIF camera has, asked in ONVIF's own words: GetServices, GetProfiles, GetStreamUri.

The password never leaves in the clear: requests carry a digest of it with a nonce (WS-Security UsernameToken).
"""

import asyncio
import logging
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import lxml.etree
import zeep.exceptions
from onvif import ONVIFCamera, ONVIFError

from appliance.discovery.streams import Stream
from appliance.errors import VeilsightError
from appliance.language import marked

ANSWER_SECONDS = 20.0
MOST_PROFILES = 50
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
DEVICE_PATH = "/onvif/device_service"
SCHEMES = ("rtsp", "rtsps", "http", "https")
SILENT = marked("The camera at %(host)s does not answer; check its address, and that ONVIF is switched on in it.")
WRONG_PASSWORD = marked("The camera at %(host)s refuses the user name or the password; check both.")
REFUSED = marked("The camera at %(host)s refuses to tell its streams; check the rights of its user.")
NONSENSE = marked("What answers at %(host)s does not speak ONVIF as it should; give the address of its stream itself.")
STREAM_SETUP = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}


class CameraSilent(VeilsightError):
    """A camera does not answer, or not in ONVIF's words."""


def device_address(text: str) -> str:
    """The address of a camera's device service: as given, or at its usual place on a host. Raises `CameraSilent`."""
    address = text if "://" in text else f"http://{text}{DEVICE_PATH}"
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise CameraSilent("That is no camera's ONVIF address; write it like 192.0.2.10 or http://192.0.2.10/path.")
    return address


def read_streams(address: str, username: str, password: str) -> list[Stream]:
    """The streams of the camera whose device service is at `address`. Raises `CameraSilent`."""
    # The library's log would hold requests and answers.
    for name in ("onvif", "zeep"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return asyncio.run(asyncio.wait_for(_ask(address, username, password), ANSWER_SECONDS))
    except (TimeoutError, aiohttp.ClientError, OSError):
        failure = SILENT
    except zeep.exceptions.Fault as fault:
        failure = _refusal(fault)
    except zeep.exceptions.TransportError as error:
        failure = _refusal(error) if error.status_code in (401, 403) else NONSENSE
    except (zeep.exceptions.Error, ONVIFError, lxml.etree.Error, ValueError, AttributeError, TypeError, KeyError):
        failure = NONSENSE
    raise CameraSilent(failure, host=urlsplit(address).hostname or "")


def _refusal(error: zeep.exceptions.Error) -> str:
    text = f"{getattr(error, 'subcodes', '')} {error}".lower()
    return WRONG_PASSWORD if "auth" in text or "401" in text or "403" in text else REFUSED


async def _ask(address: str, username: str, password: str) -> list[Stream]:
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    # `no_cache`: the library would keep a file otherwise. Cameras without a battery have wrong clocks: `adjust_time`.
    camera = ONVIFCamera(
        f"{parts.scheme}://{parts.hostname}", port, username, password, no_cache=True, adjust_time=True
    )
    try:
        await camera.update_xaddrs()
        _need_same_host(camera.xaddrs.get(MEDIA, ""), parts.hostname)
        media = await camera.create_media_service()
        profiles = await media.GetProfiles()
        found = [await _stream(media, profile, parts.hostname) for profile in profiles[:MOST_PROFILES]]
        return [stream for stream in found if stream is not None]
    finally:
        await camera.close()


async def _stream(media: Any, profile: Any, host: str | None) -> Stream | None:
    encoder = profile.VideoEncoderConfiguration
    if encoder is None:
        return None
    answer = await media.GetStreamUri({"StreamSetup": STREAM_SETUP, "ProfileToken": profile.token})
    address = urlsplit(answer.Uri.strip())
    _need_same_host(answer.Uri, host)
    # Some cameras put a user and a password into the address.
    bare = urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2]))
    rate = encoder.RateControl.FrameRateLimit if encoder.RateControl is not None else 0
    size = encoder.Resolution
    return Stream(str(profile.Name), str(encoder.Encoding), int(size.Width), int(size.Height), float(rate or 0), bare)


def _need_same_host(address: str, host: str | None) -> None:
    """A camera may not send us, and the password, to another machine."""
    parts = urlsplit(address.strip())
    if parts.hostname != host or parts.scheme not in SCHEMES:
        raise ValueError("an address at another machine")
