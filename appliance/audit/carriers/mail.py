"""An e-mail with the file attached, over TLS alone."""

import hashlib
import smtplib
from email.message import EmailMessage
from email.utils import formatdate

from appliance.audit.carriers.taking import SECONDS, NotTaken, content_type, needed, tls_context
from appliance.destinations import Destination

# How the courier calls itself to the server: asking for its own name would ask a name server.
OWN_NAME = "veilsight.local"


def send(destination: Destination, name: str, payload: bytes, secret: bytes | None) -> None:
    """One message to all recipients. A repeat has the same Message-ID. The secret is the user's password.

    Raises `NotTaken` and `OSError`.
    """
    password = needed(secret, "password").decode("utf-8") if destination.user else ""
    try:
        refused = _send(destination, _message(destination, name, payload), password)
    except smtplib.SMTPAuthenticationError as error:
        raise NotTaken(f"it does not accept the user with this password ({error.smtp_code})") from error
    except smtplib.SMTPNotSupportedError as error:
        raise NotTaken("it offers no TLS, or no log-in over TLS; nothing was sent") from error
    except smtplib.SMTPRecipientsRefused as error:
        raise NotTaken(f"it refused the recipients: {_answers(error.recipients)}") from error
    except smtplib.SMTPResponseException as error:
        raise NotTaken(f"it answered {_answer(error.smtp_code, error.smtp_error)}") from error
    except smtplib.SMTPException as error:
        raise NotTaken(f"the connection ended: {type(error).__name__}") from error
    if refused:
        raise NotTaken(f"it refused some of the recipients: {_answers(refused)}")


def _send(destination: Destination, message: EmailMessage, password: str) -> dict[str, tuple[int, bytes]]:
    host, port = destination.host or ("", 0)
    context = tls_context(destination)
    server: smtplib.SMTP
    if destination.kind == "smtps":
        server = smtplib.SMTP_SSL(host, port, OWN_NAME, timeout=SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, port, OWN_NAME, timeout=SECONDS)
    with server:
        if destination.kind == "smtp":
            server.starttls(context=context)
        if destination.user:
            server.login(destination.user, password)
        return server.send_message(message, destination.sender, list(destination.recipients))


def _message(destination: Destination, name: str, payload: bytes) -> EmailMessage:
    message = EmailMessage()
    message["From"] = destination.sender
    message["To"] = ", ".join(destination.recipients)
    message["Subject"] = f"Veilsight: {name}"
    message["Date"] = formatdate()
    digest = hashlib.sha256(name.encode() + b"\0" + payload).hexdigest()[:40]
    message["Message-ID"] = f"<{digest}@{destination.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"The file {name} is attached. It was signed by the site that sent it; a message that comes twice has the same "
        "file.\n"
    )
    kind, _, sort = content_type(name).partition("/")
    message.add_attachment(payload, maintype=kind, subtype=sort, filename=name)
    return message


def _answers(recipients: dict[str, tuple[int, bytes]]) -> str:
    """The server's answers without the addresses: the log holds no personal data."""
    return "; ".join(sorted({_answer(*answer) for answer in recipients.values()}))


def _answer(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    plain = " ".join(word for word in words.split() if "@" not in word)
    return f"{code} {plain}"[:200].rstrip()
