"""What the site states for the record, the sign for the door, and the notice in full."""

import io
import re

import pikepdf
import pytest
from flask import Flask

from appliance.settings import Processing, Settings, Site
from appliance.storage import answers, camera_records, cameras
from appliance.storage.camera_records import CameraRecord
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.storage.users import Role
from appliance.web.context import WebContext
from tests.web.conftest import Browser, audit_entries, new_client, open_browser

SAID = {"location": "above the door", "field_of_view": "the porch", "signs": "at the door", "signs_seen": "2026-11-20"}


@pytest.fixture
def manager(app: Flask, context: WebContext) -> Browser:
    """A manager fills these fields, who may not change cameras."""
    return open_browser(app, context, "mia", Role.MANAGER)


@pytest.fixture
def gate(context: WebContext) -> str:
    with context.engine.begin() as connection:
        cameras.add(connection, Camera("gate", "rtsp://192.0.2.9/secret"))
    return "gate"


def records(context: WebContext) -> dict[str, CameraRecord]:
    with reading(context.engine) as connection:
        return camera_records.read(connection)


def test_a_manager_states_where_a_camera_is_and_where_signs_hang(
    manager: Browser, context: WebContext, gate: str
) -> None:
    assert manager.post(f"/reports/record/{gate}", **SAID).status_code == 302
    assert records(context) == {gate: CameraRecord(gate, **SAID)}
    (entry,) = audit_entries(context, "camera-changed")
    assert (entry.event.actor, entry.event.subject) == ("mia", gate)
    page = manager.get("/reports/record").text
    assert all(f'value="{text}"' in page for text in SAID.values())
    manager.post(f"/reports/record/{gate}", **SAID)
    assert len(audit_entries(context, "camera-changed")) == 1, "the same once more is no change"


@pytest.mark.parametrize("wrong", [{"signs_seen": "yesterday"}, {"signs_seen": "2027-11-20"}, {"location": "x" * 301}])
def test_what_can_not_be_printed_is_refused_in_words(
    manager: Browser, context: WebContext, gate: str, wrong: dict[str, str]
) -> None:
    manager.post(f"/reports/record/{gate}", **(SAID | wrong))
    assert records(context) == {}
    assert 'class="notice warn"' in manager.get("/reports/record").text


def test_what_is_said_of_a_camera_goes_with_it(context: WebContext, gate: str, manager: Browser) -> None:
    manager.post(f"/reports/record/{gate}", **SAID)
    admin = open_browser(context_app(manager), context)
    admin.post(f"/cameras/{gate}/remove")
    assert records(context) == {}


def context_app(browser: Browser) -> Flask:
    app = browser.client.application
    assert isinstance(app, Flask)
    return app


def test_the_record_of_processing_is_stated_on_the_page(manager: Browser, context: WebContext) -> None:
    context.filed = context.settings
    manager.post("/reports/record", controller="Shop Ltd, 1 High St", purposes="Counting", notice_url="")
    assert context.settings.site.controller == "Shop Ltd, 1 High St"
    assert context.settings.processing.purposes == "Counting"
    (entry,) = audit_entries(context, "settings-changed")
    assert entry.event.details["change"] == "controller, purposes"
    with reading(context.engine) as connection:
        assert answers.read(connection).controller == "Shop Ltd, 1 High St"
    assert "readonly" not in manager.get("/reports/record").text
    manager.post("/reports/record", notice_url="javascript:alert(1)")
    assert context.settings.processing.notice_url == ""
    manager.post("/reports/record", controller="")
    assert context.settings.site.controller == "", "what was stated can be taken back"


def test_what_the_settings_file_says_can_not_be_changed_on_the_page(manager: Browser, context: WebContext) -> None:
    context.filed = Settings(site=Site(controller="Filed Ltd"), processing=Processing(purposes="Filed"))
    manager.post("/reports/record", controller="Other Ltd", purposes="Other", contact="mail@shop.example")
    assert context.settings.site.controller == "Filed Ltd"
    assert context.settings.processing.purposes == "Filed"
    assert context.settings.site.contact == "mail@shop.example"
    page = manager.get("/reports/record").text
    assert re.search(r'id="controller" value="Filed Ltd" readonly', page)


def test_an_auditor_reads_and_does_not_write(app: Flask, context: WebContext, gate: str) -> None:
    auditor = open_browser(app, context, "otto", Role.AUDITOR)
    page = auditor.get("/reports/record")
    assert page.status_code == 200
    assert "<button" not in page.text.split('id="content"')[1].split("languages-below")[0]
    assert auditor.post(f"/reports/record/{gate}", **SAID).status_code == 403
    assert records(context) == {}


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_the_sign_is_one_page_in_each_language(manager: Browser, language: str) -> None:
    response = manager.get(f"/reports/sign?language={language}")
    assert response.mimetype == "application/pdf"
    with pikepdf.open(io.BytesIO(response.data)) as document:
        assert len(document.pages) == 1
        assert str(document.Root.Lang) == language
        assert document.Root.MarkInfo.Marked


def test_the_full_notice_is_open_to_everybody_and_gives_nothing_away(app: Flask, manager: Browser, gate: str) -> None:
    manager.post(f"/reports/record/{gate}", **SAID)
    manager.post("/reports/record", controller="Shop <b>Ltd</b>", recipients="Head office")
    response = new_client(app).get("/notice?language=en")
    assert response.status_code == 200
    for said in ("Shop &lt;b&gt;Ltd&lt;/b&gt;", "Head office", "above the door, the porch", "Article 77", "25 months"):
        assert said in response.text
    for hidden in ("gate", "192.0.2.9", "secret", "/logout", "csrf", "at the door"):
        assert hidden not in response.text
    assert 'lang="de"' in new_client(app).get("/notice?language=de").text
    assert new_client(app).get("/notice?language=xx").status_code == 200
    assert new_client(app).get("/reports/sign").status_code == 302, "the sign itself needs a log-in"
