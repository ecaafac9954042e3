"""One request over https, with a token or a client certificate. No redirection and no proxy is followed."""

import contextlib
import http.client
import ssl
from collections.abc import Mapping
from urllib.parse import quote

from appliance.audit.carriers.taking import SECONDS, NotTaken, content_type, in_memory, is_pem, tls_context
from appliance.destinations import Destination

BROKEN_OFF = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, http.client.ResponseNotReady)


def send(destination: Destination, name: str, payload: bytes, secret: bytes | None) -> None:
    """POST to the address, or PUT to the address and the name. Raises `NotTaken`, `OSError` and `HTTPException`.

    The secret is a token, or a client certificate with its private key in PEM form.
    """
    parts = destination.parts
    path = parts.path or "/"
    if destination.method == "PUT":
        path = f"{path.rstrip('/')}/{quote(name)}"
    headers = {"Content-Type": content_type(name), "Content-Disposition": f'attachment; filename="{name}"'}
    if secret and not is_pem(secret):
        headers["Authorization"] = f"Bearer {secret.decode('ascii')}"
    target = path + (f"?{parts.query}" if parts.query else "")
    request(destination, target, payload, headers, secret if is_pem(secret) else None)


def request(
    destination: Destination, target: str, payload: bytes, headers: Mapping[str, str], certificate: bytes | None = None
) -> None:
    """One request, and an answer of 200 to 299. Raises `NotTaken`, `OSError` and `HTTPException`."""
    context = tls_context(destination)
    if certificate is not None:
        _show_certificate(context, certificate)
    host, port = destination.host or ("", 0)
    method = "PUT" if destination.kind == "s3" else destination.method
    connection = http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
    try:
        connection.connect()
        # A server may answer and hang up before it has read everything: the disk there is full.
        with contextlib.suppress(*BROKEN_OFF):
            connection.request(method, target, payload, {"User-Agent": "veilsight", **headers})
        status = connection.getresponse().status
    except BROKEN_OFF as error:
        raise NotTaken("it ended the connection before it had everything") from error
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise NotTaken(f"it answered {status}{_meaning(status)}")


def _meaning(status: int) -> str:
    words = {401: "not authorised", 403: "forbidden", 413: "too large", 507: "no room left"}
    return f", {words[status]}" if status in words else ""


def _show_certificate(context: ssl.SSLContext, certificate: bytes) -> None:
    try:
        with in_memory(certificate) as path:
            context.load_cert_chain(path)
    except (ssl.SSLError, ValueError) as error:
        raise NotTaken("its client certificate and private key do not fit or are not in PEM form") from error
