"""The web and courier programs, stopped before and after they are at work."""

import threading
from pathlib import Path

from appliance.audit import log
from appliance.services.courier import run_courier
from appliance.services.service_manager import ServiceManager
from appliance.services.setup import set_up
from appliance.services.web import run_web
from appliance.settings import Paths, Settings, Web, find_paths
from appliance.storage.database import reading
from appliance.storage.site import open_site

SETTINGS = Settings(web=Web(host="127.0.0.1", port=1024))


def make_site(directory: Path) -> Paths:
    paths = find_paths({}, directory / "state")
    set_up(paths, SETTINGS)
    return paths


def actions(paths: Paths, subject: str) -> list[str]:
    with reading(open_site(paths).engine) as connection:
        return [entry.event.action for entry in log.entries(connection) if entry.event.subject == subject]


def test_a_web_program_stopped_before_it_listens_leaves_no_trace(tmp_path: Path, free_port: int) -> None:
    paths = make_site(tmp_path)
    stop = threading.Event()
    stop.set()
    run_web(paths, Settings(web=Web(host="127.0.0.1", port=free_port)), stop, ServiceManager({}))
    assert actions(paths, "web") in ([], ["started", "stopped"])


def test_a_courier_writes_down_that_it_started_and_stopped(tmp_path: Path) -> None:
    paths = make_site(tmp_path)
    stop = threading.Event()
    stop.set()
    run_courier(paths, SETTINGS, stop, ServiceManager({}))
    assert actions(paths, "courier") == ["started", "stopped"]


def test_setting_up_twice_changes_nothing_and_shows_no_second_password(tmp_path: Path) -> None:
    paths = make_site(tmp_path)
    before = {path: path.read_bytes() for path in paths.keys.iterdir()}
    assert set_up(paths, SETTINGS).password is None
    assert {path: path.read_bytes() for path in paths.keys.iterdir()} == before
