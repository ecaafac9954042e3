"""Storage that speaks S3: one signed PUT (AWS Signature Version 4) over https, with the bucket in the path."""

from urllib.parse import quote

from appliance.audit.carriers import web
from appliance.audit.carriers.taking import content_type, importing_quietly, needed
from appliance.destinations import Destination

with importing_quietly():
    from requests import Request
    from requests_aws4auth import AWS4Auth


def put(destination: Destination, name: str, payload: bytes, secret: bytes | None) -> None:
    """An object under its name; it takes the place of one of that name. The secret is the access key's.

    Raises `NotTaken`, `OSError` and `HTTPException`.
    """
    key = needed(secret, "secret access key").decode("ascii")
    parts = destination.parts
    url = f"https://{parts.netloc}{parts.path.rstrip('/')}/{quote(name)}"
    prepared = Request("PUT", url, {"Content-Type": content_type(name)}, data=payload).prepare()
    # The library for requests signs; what is sent goes the way of all https destinations.
    signed = AWS4Auth(destination.user, key, destination.region, "s3")(prepared)
    web.request(destination, signed.path_url, payload, {each: str(value) for each, value in signed.headers.items()})
