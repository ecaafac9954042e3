"""What a destination's settings must say, so that a wrong one is found at start and not in the night."""

import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.audit.carriers import NotTaken, carry
from appliance.destinations import Destination
from appliance.services.guarding import courier_hosts
from appliance.settings import SettingsError, load_settings

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHNv"
WHOLE = """
[[destinations]]
name = "stick"
folder = "/media/stick/reports"
mount_point = "/media/stick"
[[destinations]]
name = "portal"
url = "https://portal.example.org/in?site=7"
method = "PUT"
[[destinations]]
name = "archive"
url = "sftp://files.example.org:2222/reports"
user = "shop"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHNv"
[[destinations]]
name = "storage"
url = "s3://s3.example.org:9000/bucket/shop"
user = "AKIAEXAMPLE"
region = "eu-west-1"
[[destinations]]
name = "people"
url = "smtp://mail.example.org"
user = "shop"
sender = "shop@example.org"
recipients = ["dpo@example.org"]
[[destinations]]
name = "others"
url = "smtps://mail.example.org"
sender = "shop@example.org"
recipients = ["dpo@example.org"]
"""


def test_each_kind_is_read_and_the_courier_may_reach_its_host_and_port_alone(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(WHOLE)
    settings = load_settings(file)
    kinds = ["folder", "https", "sftp", "s3", "smtp", "smtps"]
    assert [each.kind for each in settings.destinations] == kinds
    assert courier_hosts(settings) == (
        ("files.example.org", 2222),
        ("mail.example.org", 465),
        ("mail.example.org", 587),
        ("portal.example.org", 443),
        ("s3.example.org", 9000),
    )
    # An https address often holds a token.
    assert [each.shown for each in settings.destinations[:2]] == [
        "/media/stick/reports",
        "https://portal.example.org:443",
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "sftp://files/", "host_key": HOST_KEY}, "needs a user"),
        ({"url": "sftp://files/", "user": "shop"}, "host_key"),
        ({"url": "sftp://files/", "user": "shop", "host_key": "ssh-rsa AAAA"}, "host_key"),
        ({"url": "sftp://shop:word@files/", "user": "shop", "host_key": HOST_KEY}, "without user"),
        ({"url": "s3://host/bucket"}, "access key"),
        ({"url": "s3://host/", "user": "key"}, "bucket"),
        ({"url": "smtp://mail"}, "sender and recipients"),
        ({"url": "smtp://mail", "sender": "a@b", "recipients": ["x\r\nBcc: y@z"]}, "sender and recipients"),
        ({"url": "smtp://mail", "sender": "a@b", "recipients": ["x"]}, "sender and recipients"),
        ({"folder": "/mnt/a", "mount_point": "/mnt/b"}, "must be that or lie in it"),
        ({"url": "https://a/", "mount_point": "/mnt/b"}, "must be that or lie in it"),
        ({"url": "https://a/", "password": "word"}, "unknown field"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    file = tmp_path / "settings.toml"
    lines = ['name = "a"', *(f"{name} = {msgspec.json.encode(value).decode()}" for name, value in fields.items())]
    file.write_text("[[destinations]]\n" + "\n".join(lines))
    with pytest.raises(SettingsError, match=words) as told:
        load_settings(file)
    assert "word@" not in str(told.value)


def test_a_folder_without_its_mount_gets_nothing(tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    with pytest.raises(NotTaken, match="nothing is mounted at"):
        carry(Destination("stick", folder=stick, mount_point=stick), "a.pdf", b"report")
    with pytest.raises(NotTaken, match="nothing is mounted at"):
        carry(Destination("stick", folder=stick / "reports", mount_point=stick), "a.pdf", b"report")
    assert list(stick.iterdir()) == []
    # /dev/shm is a mount of its own on nearly every machine.
    shared = Path("/dev/shm")
    if not shared.is_mount():
        pytest.skip("/dev/shm is no mount here")
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        place = Destination("stick", folder=Path(folder), mount_point=shared)
        carry(place, "a.pdf", b"earlier")
        carry(place, "a.pdf", b"report")
        assert [(path.name, path.read_bytes()) for path in Path(folder).iterdir()] == [("a.pdf", b"report")]
