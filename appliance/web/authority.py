"""The certificate of the site's own authority, to be installed on the staff's devices; no secret, and before log-in."""

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from appliance.web.context import this_context
from appliance.web.words import attachment

blueprint = Blueprint("authority", __name__)

# With this type telephones and tablets offer to install it.
MEDIA_TYPE = "application/x-x509-ca-cert"
FILE_NAME = "veilsight-authority.crt"


@blueprint.get("/authority.crt")
def download() -> Response:
    """404 where the site has a certificate of its own, since then devices need nothing from here."""
    context = this_context()
    if context.settings.web.certificate:
        raise NotFound
    try:
        content = (context.paths.tls / "authority.pem").read_bytes()
    except OSError as error:
        raise NotFound from error
    return attachment(content, MEDIA_TYPE, FILE_NAME)
