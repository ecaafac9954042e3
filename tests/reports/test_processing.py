"""The record of processing: the site's own words, and the measures as they are found."""

from dataclasses import replace
from typing import Any

import pytest

from appliance.reports.content import collect
from appliance.reports.period import Period
from appliance.settings import Anonymity, Processing
from appliance.storage import users
from appliance.storage.database import reading
from appliance.storage.users import Role
from appliance.storage.vault import Protection
from tests.reports.conftest import Place, utc
from tests.reports.test_content import OCTOBER, building

STATED = Processing("Kari Nordmann", "Counting visitors to plan staff", "Art. 6(1)(f)", "Head office in Bergen")
STATED_NAMES = ("data_protection_officer", "purposes", "legal_basis", "recipients")


def facts(place: Place, protection: Protection | None = "credential", problem: str = "") -> dict[str, Any]:
    built = replace(building(problem=problem), protection=protection)
    with reading(place.engine) as connection:
        return collect(connection, place.settings, Period(*OCTOBER, place.settings.site.zone), built).facts


def measures(found: dict[str, Any]) -> dict[str, tuple[str, int | None]]:
    return {row["measure"]: (row["found"], row["entry"]) for row in found["processing"]["security"]}


def test_the_record_has_what_the_site_states_and_nothing_where_it_states_nothing(place: Place) -> None:
    stated = facts(place.changed(processing=STATED))["processing"]
    assert {name: stated[name] for name in STATED_NAMES} == {name: getattr(STATED, name) for name in STATED_NAMES}
    assert stated["controller"] == place.settings.site.controller
    silent = facts(place)["processing"]
    assert [silent[name] for name in STATED_NAMES] == [""] * len(STATED_NAMES)


@pytest.mark.parametrize(
    ("protection", "words"),
    [("credential", "credential"), ("passphrase", "passphrase"), ("key-file", "can read it"), (None, "not be read")],
)
def test_stored_data_is_as_well_protected_as_the_vault(place: Place, protection: Protection, words: str) -> None:
    assert words in measures(facts(place, protection))["Stored data"][0]


def test_measures_are_those_in_force_each_with_its_latest_entry(place: Place) -> None:
    with place.engine.begin() as connection:
        users.add(connection, "ada", "correct horse battery", Role.ADMINISTRATOR)
        users.add(connection, "bo", "another long password", Role.AUDITOR)
    place.happened(utc(3), "ada", "user-added", "ada")
    added = place.happened(utc(4), "ada", "user-added", "bo")
    ran = place.happened(utc(5), "web", "retention-run", "metric")
    found = measures(facts(place))
    assert found["Who may log in"] == ("2 people, 1 with all rights; 0 with a second factor.", added)
    assert found["Removal of old data"][1] == ran
    assert "13 months" in found["Removal of old data"][0]
    assert "epsilon" in found["Anonymity of counts"][0]
    assert "verified" in found["Tamper evidence"][0]
    other = facts(place.changed(anonymity=Anonymity(mode="threshold", k=7)), problem="Entry 3 was changed.")
    assert "below 7" in measures(other)["Anonymity of counts"][0]
    assert "did not verify" in measures(other)["Tamper evidence"][0]


def test_pictures_looked_at_and_failures_are_added_up_over_the_period(place: Place) -> None:
    place.happened(utc(5), "engine", "network-used", "CenterFace", details={"device": "CPU", "pictures": 12})
    place.happened(utc(6), "engine", "network-used", "MB3-CenterNet", details={"device": "CPU", "pictures": 30})
    place.happened(utc(6), "engine", "redaction-failed", "Entrance")
    place.happened(utc(6, month=9), "engine", "network-used", "CenterFace", details={"device": "CPU", "pictures": 99})
    found = facts(place)["automated"]
    assert (found["pictures"], found["failed_closed"]) == (42, 1)
    assert any("2024/1689" in statement for statement in found["statements"])
