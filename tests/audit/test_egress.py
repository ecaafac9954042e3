"""The one way out: what the policy lets through, and that everything is written down."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.audit import log
from appliance.audit.egress import DeliveryFailed, EgressRefused, Sendable, policy_for, send
from appliance.audit.log import Entry
from appliance.settings import Destination
from appliance.storage.database import reading
from appliance.storage.site import Site

NAME = "report-2026-10.pdf"
PAYLOAD = b"%PDF-1.7 numbers only"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    directory = tmp_path / "share"
    directory.mkdir()
    return directory


def deliver(site: Site, folder: Path, *, name: str = NAME, payload: bytes = PAYLOAD, to: str = "head-office") -> None:
    policy = policy_for((Destination("head-office", folder),))
    send(site.engine, policy, Sendable.REPORT, to, name, payload, "program:courier")


def written(site: Site) -> list[Entry]:
    with reading(site.engine) as connection:
        return log.entries(connection)


def test_a_report_goes_to_its_destination_and_is_written_down(site: Site, folder: Path) -> None:
    deliver(site, folder)
    assert [path.name for path in folder.iterdir()] == [NAME]
    assert (folder / NAME).read_bytes() == PAYLOAD
    before, after = written(site)
    assert before.event == log.Event(
        actor="program:courier",
        action="delivery-started",
        subject=NAME,
        data_class="report",
        byte_count=len(PAYLOAD),
        sha256=hashlib.sha256(PAYLOAD).hexdigest(),
        destination="head-office",
    )
    assert after.event == replace(before.event, action="report-delivered", details={"started": before.number})


def test_a_repeat_replaces_the_file_and_is_written_down_again(site: Site, folder: Path) -> None:
    deliver(site, folder, payload=b"old")
    deliver(site, folder)
    assert (folder / NAME).read_bytes() == PAYLOAD
    assert [entry.event.action for entry in written(site)] == ["delivery-started", "report-delivered"] * 2


def test_frames_have_no_door() -> None:
    """No member of the type stands for pixels, nor for anything else that has to stay."""
    assert {each.value for each in Sendable} == {"report", "metric"}


@pytest.mark.parametrize("data_class", ["raw-frame", "redacted-frame", "metric", "log", "configuration"])
def test_another_class_is_refused_even_against_the_types(site: Site, folder: Path, data_class: str) -> None:
    policy = policy_for((Destination("head-office", folder),))
    with pytest.raises(EgressRefused, match=data_class):
        send(site.engine, policy, data_class, "head-office", NAME, PAYLOAD, "somebody")  # type: ignore[arg-type]
    assert list(folder.iterdir()) == []
    (entry,) = written(site)
    assert (entry.event.action, entry.event.data_class, entry.event.subject) == ("egress-refused", data_class, NAME)


def test_a_destination_that_is_not_configured_is_refused(site: Site, folder: Path) -> None:
    with pytest.raises(EgressRefused, match="elsewhere"):
        deliver(site, folder, to="elsewhere")
    (entry,) = written(site)
    assert (entry.event.action, entry.event.destination) == ("egress-refused", "elsewhere")
    assert "elsewhere" in str(entry.event.details["reason"])


@pytest.mark.parametrize("name", ["../escaped.pdf", "/tmp/escaped.pdf", "sub/report.pdf", "..", ""])
def test_a_name_cannot_leave_the_folder(site: Site, folder: Path, name: str) -> None:
    with pytest.raises(DeliveryFailed):
        deliver(site, folder, name=name)
    assert list(folder.iterdir()) == []
    assert list(folder.parent.glob("*escaped*")) == []
    assert [entry.event.action for entry in written(site)] == ["delivery-started", "delivery-failed"]


def test_an_absent_share_fails_and_is_not_made(site: Site, tmp_path: Path) -> None:
    """A folder made in the place of an absent mount would swallow every report."""
    with pytest.raises(DeliveryFailed, match="head-office"):
        deliver(site, tmp_path / "not-mounted")
    assert not (tmp_path / "not-mounted").exists()
    assert [entry.event.action for entry in written(site)] == ["delivery-started", "delivery-failed"]


def test_a_failed_delivery_leaves_nothing_half_written(site: Site, folder: Path) -> None:
    (folder / NAME).mkdir()
    with pytest.raises(DeliveryFailed):
        deliver(site, folder)
    assert [path.name for path in folder.iterdir()] == [NAME]
    assert (folder / NAME).is_dir()
