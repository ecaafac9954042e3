"""How something gets to a destination. Only `audit.egress` calls this, and only the courier's side may import it."""

import http.client
import os
import socket
import ssl
from pathlib import Path

from appliance.audit.carriers import folder, web
from appliance.audit.carriers.taking import SECONDS, NotTaken
from appliance.destinations import Destination

__all__ = ["NotTaken", "carry"]


def carry(destination: Destination, name: str, payload: bytes, secret: bytes | None = None) -> None:
    """Bring `payload` to the destination under `name`; a repeat replaces. `secret` is what opens the destination.

    Raises `NotTaken`.
    """
    if not name.isprintable() or '"' in name or "\\" in name or Path(name).name != name:
        raise NotTaken(f"{name!r} is not a plain file name")
    try:
        _carry(destination, name, payload, secret)
    except TimeoutError as error:
        raise NotTaken(f"no answer within {SECONDS:g} s") from error
    except ssl.SSLError as error:
        raise NotTaken(f"its certificate or its TLS is not accepted: {error.reason or error.strerror}") from error
    except socket.gaierror as error:
        raise NotTaken(f"its name is not found: {error.strerror}") from error
    except OSError as error:
        raise NotTaken(os.strerror(error.errno) if error.errno else "it can't be reached") from error
    except UnicodeError as error:
        raise NotTaken("its secret has letters that it can't take; it must be plain ASCII") from error
    except http.client.HTTPException as error:
        raise NotTaken(f"it does not answer as a web server does: {type(error).__name__}") from error


def _carry(destination: Destination, name: str, payload: bytes, secret: bytes | None) -> None:
    # What speaks a network's language is loaded for who uses it.
    match destination.kind:
        case "folder":
            folder.put(destination, name, payload)
        case "https":
            web.send(destination, name, payload, secret)
        case "s3":
            from appliance.audit.carriers import object_storage

            object_storage.put(destination, name, payload, secret)
        case "sftp":
            from appliance.audit.carriers import sftp

            sftp.put(destination, name, payload, secret)
        case "smtp" | "smtps":
            from appliance.audit.carriers import mail

            mail.send(destination, name, payload, secret)
        case other:
            raise NotTaken(f"there is no way to a {other} address")
