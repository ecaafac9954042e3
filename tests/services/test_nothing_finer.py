"""What is counted leaves no track, no moment and no box: in no table, write-ahead log, copy, log line or export."""

import json
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect

from appliance.metrics.anonymity import Policy
from appliance.metrics.geometry import Box, Line, Point, Zone
from appliance.reports.content import Building, collect
from appliance.reports.period import Period
from appliance.services.keeping import Keeping
from appliance.settings import Settings, find_paths
from appliance.storage.database import reading
from appliance.storage.site import Site, create_site
from appliance.vision.detections import Kind, Track

TRACK = 718281828
LINE = Line("door", Point(0.5, 0.0), Point(0.5, 1.0))
ROOM = Zone("room", (Point(0, 0), Point(0.5, 0), Point(0.5, 1), Point(0, 1)))
START = datetime(2026, 3, 2, 10, 3, 17, tzinfo=UTC)
STEPS = 40


@pytest.fixture
def memory() -> Iterator[Path]:
    if not Path("/dev/shm").is_dir():
        pytest.skip("there is no folder in memory")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def moments() -> list[datetime]:
    return [START + timedelta(seconds=step) for step in range(STEPS)]


def boxes() -> list[Box]:
    """From one side to the other and back, at places that no other number is likely to name."""
    return [Box(x, 40.125, x + 9.25, 60.375) for x in (90.5 - 4.0625 * abs(step % 40 - 20) for step in range(STEPS))]


def everything_in(site: Site, folder: Path) -> str:
    """All tables in plain text, and the database's files as they are on the disk."""
    texts = []
    with reading(site.engine) as connection:
        for table in inspect(connection).get_table_names():
            texts += [repr(tuple(row)) for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"')]  # noqa: S608
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name.endswith("-wal") for path in files)
    return "\n".join([*texts, *(path.read_bytes().decode("latin-1") for path in files)])


def exported(site: Site) -> str:
    """A report's facts, which are attached to its PDF and all there is to export."""
    building = Building(datetime(2026, 3, 3, tzinfo=UTC), "ada", "test", "ab12", 1, "", "checkpoint")
    day = date(2026, 3, 2)
    with reading(site.engine) as connection:
        settings = Settings()
        return collect(connection, settings, Period(day, day, settings.site.zone), building).canonical().decode()


@pytest.mark.parametrize(("kind", "label"), [("person", "person"), ("vehicle", "truck")])
@pytest.mark.parametrize("mode", ["differential", "threshold", "off"])
def test_no_track_no_moment_and_no_box_is_left_anywhere(
    tmp_path: Path, memory: Path, caplog: pytest.LogCaptureFixture, mode: str, kind: Kind, label: str
) -> None:
    caplog.set_level(logging.DEBUG)
    site, _ = create_site(find_paths({"HOME": str(tmp_path)}, tmp_path / "state"))
    policy = Policy(mode, 2.0 if mode == "differential" else 0.0)  # type: ignore[arg-type]
    with Keeping(site, policy, memory) as keeping:
        counting = keeping.begin("front", [LINE], [ROOM], 300, labels=kind == "vehicle")
        for step, (moment, box) in enumerate(zip(moments(), boxes(), strict=True)):
            counting.observe(moment, 5000.0 + step, [Track(TRACK, kind, label, 0.9, box, 0, True)], 100, 100)
        keeping.leave(counting)
        copies = "".join(path.read_text() for path in memory.glob("*.json"))
        assert '"crossings"' in copies
        keeping.tick(START + timedelta(hours=1))
    left = {
        "database": everything_in(site, tmp_path / "state"),
        "copy": copies,
        "log": caplog.text,
        "export": exported(site),
    }
    site.engine.dispose()
    assert "crossings" in left["database"]
    assert ("truck-in" in left["database"]) == (kind == "vehicle")
    assert json.loads(left["export"])["counts"]["cameras"]
    secrets = [str(TRACK), *(f"{coordinate:g}" for box in boxes() for coordinate in box if coordinate % 1)]
    for moment in moments()[1:]:
        secrets += [f"{moment:%H:%M:%S}", str(round(moment.timestamp()))]
    found = re.compile("|".join(rf"(?<![\d.]){re.escape(secret)}(?!\d)" for secret in dict.fromkeys(secrets)))
    for where, text in left.items():
        assert found.search(text) is None, where
