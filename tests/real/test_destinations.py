"""Every kind of destination on a real server: what arrives, what is refused, and that the log holds no secret."""

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from appliance.audit import log
from appliance.audit.egress import DeliveryFailed, Sendable, policy_for, send
from appliance.destinations import Destination
from appliance.reports.trial import send_test
from appliance.settings import Paths, Settings, find_paths
from appliance.storage.database import reading
from appliance.storage.destination_secrets import secret_reader, set_secret
from appliance.storage.keys import load_courier_part
from appliance.storage.site import Site, create_site
from tests.real.destination_servers import (
    SFTP_SERVER,
    SSHD,
    mail_server,
    s3_server,
    sftp_server,
    web_server,
)
from tests.vision.https_server import write_certificate

NAME = "veilsight-shop-2026-10-01-to-2026-10-31.pdf"
REPORT = b"%PDF-1.7 " + bytes(range(256)) * 400
USER = pwd.getpwuid(os.getuid()).pw_name
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return find_paths({}, tmp_path_factory.mktemp("site") / "state")


@pytest.fixture(scope="module")
def site(paths: Paths) -> Iterator[Site]:
    site, _ = create_site(paths)
    yield site
    site.engine.dispose()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("tls"))


Sending = Callable[..., None]


@pytest.fixture
def give(site: Site, paths: Paths) -> Sending:
    """Send the report to a destination whose secret is set before, if one is given."""

    def give(place: Destination, secret: str = "", name: str = NAME, content: bytes = REPORT) -> None:
        with site.engine.begin() as connection:
            if secret:
                set_secret(connection, load_courier_part(paths), place.name, secret)
        policy = policy_for((place,), secret_reader(site.engine, paths))
        send(site.engine, policy, Sendable.REPORT, place.name, name, content, "courier")

    return give


@pytest.fixture(autouse=True)
def no_secret_is_told(site: Site, paths: Paths) -> Iterator[None]:
    yield
    read = secret_reader(site.engine, paths)
    with reading(site.engine) as connection:
        texts = "\n".join(log.entry_text(connection, number) for number in range(log.size(connection)))
    for secret in filter(None, map(read, ("office", "other"))):
        for line in secret.decode().splitlines():
            assert line not in texts


def needs_openssh() -> None:
    if SSHD is None or not SFTP_SERVER.exists():
        pytest.skip("Debian's openssh-server is not installed")


def sftp_to(port: int, folder: Path, host_key: str, user: str = USER) -> Destination:
    return Destination("office", url=f"sftp://127.0.0.1:{port}{folder}", user=user, host_key=host_key)


def test_sftp_takes_a_report_and_a_repeat_replaces_it(give: Sending, tmp_path: Path, free_port: int) -> None:
    needs_openssh()
    folder = tmp_path / "reports"
    folder.mkdir()
    with sftp_server(tmp_path / "sshd", free_port, USER) as server:
        place = sftp_to(server.port, folder, server.host_key)
        give(place, server.user_key, content=b"earlier")
        give(place)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {NAME: REPORT}
        other = asyncssh.generate_private_key("ssh-ed25519")
        changed = sftp_to(server.port, folder, other.export_public_key().decode().strip())
        with pytest.raises(DeliveryFailed, match="its host key is not the one in the settings"):
            give(changed)
        other_kind = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode().strip()
        with pytest.raises(DeliveryFailed, match="no host key of the kind in the settings"):
            give(sftp_to(server.port, folder, other_kind))
        with pytest.raises(DeliveryFailed, match="No such file"):
            give(sftp_to(server.port, folder / "absent", server.host_key))
        with pytest.raises(DeliveryFailed, match="does not accept the user"):
            give(place, other.export_private_key().decode())
        with pytest.raises(DeliveryFailed, match="does not accept the user"):
            give(place, PASSWORD)
        (folder / NAME).unlink()
        assert list(folder.iterdir()) == []


def test_a_full_disk_at_the_other_end_leaves_nothing_there(give: Sending, tmp_path: Path, free_port: int) -> None:
    needs_openssh()
    if os.getuid() != 0:
        pytest.skip("only root may mount a small disk")
    small = tmp_path / "small"
    with sftp_server(tmp_path / "sshd", free_port, USER, small) as server:
        place = sftp_to(server.port, small, server.host_key)
        with pytest.raises(DeliveryFailed, match="is its disk full"):
            give(place, server.user_key)
        # What was written of it is gone: there is room for a small one.
        give(place, content=REPORT[:50_000])


def test_s3_takes_an_object_that_is_signed_with_the_right_key(give: Sending, tls: tuple[Path, Path]) -> None:
    with s3_server(*tls) as server:
        place = Destination(
            "office", url=f"s3://localhost:{server.port}/{server.bucket}/shop", user=server.access_key, authority=tls[0]
        )
        with pytest.raises(DeliveryFailed, match="veilsight destination secret"):
            give(Destination("other", url=place.url, user=place.user, authority=tls[0]))
        give(place, server.secret, content=b"earlier")
        give(place)
        assert server.content(f"shop/{NAME}") == REPORT
        with pytest.raises(DeliveryFailed, match="403, forbidden"):
            give(place, server.secret[::-1])
        with pytest.raises(DeliveryFailed, match="certificate"):
            give(Destination("office", url=place.url, user=place.user))


# The server warns of a log-in without STARTTLS, not knowing that its connection began with TLS.
@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("implicit", [False, True])
def test_an_e_mail_goes_over_tls_alone(give: Sending, tls: tuple[Path, Path], free_port: int, implicit: bool) -> None:
    kind = "smtps" if implicit else "smtp"
    people = {"sender": "shop@example.org", "recipients": ("dpo@example.org", "boss@example.org"), "user": "reports"}
    place = Destination("office", url=f"{kind}://localhost:{free_port}", authority=tls[0], **people)  # type: ignore[arg-type]
    with mail_server(free_port, *tls, PASSWORD, implicit) as server:
        for _ in range(2):
            give(place, PASSWORD)
        first, second = server.messages
        (attached,) = (part for part in first.walk() if part.get_filename())
        assert (attached.get_filename(), attached.get_payload(decode=True)) == (NAME, REPORT)
        assert (first["To"], first["Message-ID"]) == ("dpo@example.org, boss@example.org", second["Message-ID"])
        with pytest.raises(DeliveryFailed, match=r"does not accept the user with this password \(535\)"):
            give(place, "another phrase")
        with pytest.raises(DeliveryFailed, match="certificate"):
            give(Destination("office", url=place.url, **people), PASSWORD)  # type: ignore[arg-type]
        assert len(server.messages) == 2
    with (
        mail_server(free_port, *tls, PASSWORD, implicit, full=True),
        pytest.raises(DeliveryFailed, match="552") as told,
    ):
        give(place, PASSWORD)
    assert "example.org" not in str(told.value)


def test_https_takes_a_token_or_a_client_certificate(
    give: Sending, site: Site, paths: Paths, tls: tuple[Path, Path], tmp_path: Path
) -> None:
    certificate, key = write_certificate(tmp_path)
    shown = certificate.read_text() + key.read_text()
    with web_server(*tls) as server:
        url = f"https://localhost:{server.port}"
        give(Destination("office", url=f"{url}/in/", authority=tls[0], method="PUT"), "t0ken")
        ((method, path, headers, body),) = server.received
        assert (method, path, headers["Authorization"], body) == ("PUT", f"/in/{NAME}", "Bearer t0ken", REPORT)
        with pytest.raises(DeliveryFailed, match="ended the connection before it had everything"):
            give(Destination("office", url=f"{url}/half", authority=tls[0]), content=REPORT * 50)
        with pytest.raises(DeliveryFailed, match="507, no room left"):
            give(Destination("office", url=f"{url}/full", authority=tls[0]), content=REPORT * 50)
        pager = Destination("office", url=f"{url}/alerts", authority=tls[0], classes=(Sendable.METRIC,))
        settings = Settings(destinations=(pager,))
        assert send_test(site, paths, settings, pager, "test") == ("veilsight-test.json",)
        assert json.loads(server.received[-1][3])["destination"] == "office"
    with web_server(*tls, clients=certificate) as server:
        place = Destination("office", url=f"https://localhost:{server.port}/in", authority=tls[0])
        give(place, shown)
        assert [(each[0], each[3]) for each in server.received] == [("POST", REPORT)]
        assert "Authorization" not in server.received[0][2]
        with pytest.raises(DeliveryFailed):
            give(place, "t0ken")
        with pytest.raises(DeliveryFailed, match="do not fit"):
            give(place, key.read_text())
        assert len(server.received) == 1


def test_a_server_that_is_away_is_told_in_one_line(give: Sending, free_port: int) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    public = key.export_public_key().decode().strip()
    mail = {"sender": "a@example.org", "recipients": ("b@example.org",)}
    for place, secret in (
        (Destination("office", url=f"https://localhost:{free_port}/"), "t0ken-word"),
        (Destination("office", url=f"s3://localhost:{free_port}/bucket", user="key"), "s3cret-key"),
        (Destination("office", url=f"smtp://localhost:{free_port}", **mail), ""),  # type: ignore[arg-type]
        (Destination("office", url=f"sftp://localhost:{free_port}/", user="a", host_key=public), "pa55-word"),
    ):
        with pytest.raises(DeliveryFailed, match=r"Connection refused|can't be reached") as told:
            give(place, secret)
        assert "\n" not in str(told.value)


def test_without_a_network_the_test_of_a_destination_says_so(paths: Paths, site: Site) -> None:
    alone = ("unshare", "--net", "--map-root-user")
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a network namespace (unshare --net)")
    paths.settings_file.write_text('[[destinations]]\nname = "office"\nurl = "https://192.0.2.1/in"\n')
    veilsight = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state)]
    done = subprocess.run(
        [*alone, *veilsight, "destination", "test", "office"], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Network is unreachable" in done.stderr
    with reading(site.engine) as connection:
        *_, last = log.entries(connection)
    assert (last.event.action, last.event.subject) == ("delivery-failed", "veilsight-test.txt.sig")
