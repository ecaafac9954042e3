"""What was answered on the page holds where the settings file says nothing else."""

from pathlib import Path

import msgspec
import pytest

from appliance.report_schedule import ReportSchedule
from appliance.settings import Settings, Site, find_paths
from appliance.storage import answers
from appliance.storage.answers import Answers, AnswerUnusable, answered
from appliance.storage.database import reading
from appliance.storage.site import create_site

GIVEN = Answers("Corner shop", "Europe/Paris", "week")


def test_answers_are_kept_and_changed(tmp_path: Path) -> None:
    site, _ = create_site(find_paths({}, tmp_path / "state"))
    for given in (Answers(), GIVEN, Answers("Other shop", "Asia/Tokyo", "none", "yes")):
        with site.engine.begin() as connection:
            answers.write(connection, given)
        with reading(site.engine) as connection:
            assert answers.read(connection) == given
    for wrong in (Answers("\n"), Answers("x" * 200), Answers(timezone="Mars/Base"), Answers(reports="hourly")):
        with pytest.raises(AnswerUnusable), site.engine.begin() as connection:
            answers.write(connection, wrong)
    site.engine.dispose()


def test_the_settings_file_has_the_last_word() -> None:
    settings = answered(Settings(), GIVEN)
    assert (settings.site.name, settings.site.timezone) == ("Corner shop", "Europe/Paris")
    assert [(each.name, each.every) for each in settings.reports] == [("weekly", "week")]
    assert answered(Settings(), Answers(reports="none")).reports == ()
    assert answered(Settings(), Answers()) == Settings()
    filed = Settings(site=Site("Shop", "Asia/Tokyo"), reports=(ReportSchedule(name="days", every="day"),))
    assert answered(filed, GIVEN) == filed
    named = answered(msgspec.structs.replace(Settings(), site=Site("Shop")), GIVEN)
    assert (named.site.name, named.site.timezone) == ("Shop", "Europe/Paris")
