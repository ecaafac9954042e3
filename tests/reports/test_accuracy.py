"""Error bars of counts that people checked by eye."""

import math

import pytest

from appliance.reports.accuracy import margin_of
from appliance.storage import counting_checks
from appliance.storage.counting_checks import CountingCheck
from tests.reports.conftest import Place, utc
from tests.reports.test_content import facts


def test_the_margin_is_that_of_students_t() -> None:
    # Four values with a standard deviation of 0.02 and the 97.5 % point for three degrees of freedom, from a table.
    differences = [-0.03 / math.sqrt(3) + 0.1, 0.1, 0.1, 0.03 / math.sqrt(3) + 0.1]
    deviation = math.sqrt(2 * (0.03**2 / 3) / 3)
    assert margin_of(differences) == pytest.approx(3.182 * deviation / 2, abs=1e-4)


def test_one_check_has_no_error_bar() -> None:
    assert margin_of([0.1]) is None
    assert margin_of([0.1, 0.1]) == 0.0


def test_checks_are_summed_up_by_camera_and_together(place: Place) -> None:
    checks = [("gate", 3, -0.04), ("gate", 5, 0.02), ("door", 9, 0.10)]
    with place.engine.begin() as connection:
        for camera, day, difference in checks:
            counting_checks.add(connection, CountingCheck(camera, utc(day), "ada", 600, difference))
        counting_checks.add(connection, CountingCheck("gate", utc(9, month=11), "ada", 600, 0.9))
    found = facts(place)["accuracy"]
    door, gate = found["cameras"]
    assert (door["camera"], door["checks"], door["mean"], door["margin"]) == ("door", 1, 0.1, None)
    assert (gate["checks"], gate["mean"], gate["minutes"]) == (2, -0.01, 20.0)
    assert gate["margin"] == pytest.approx(12.706 * 0.03, abs=1e-3)
    assert (found["all"]["checks"], found["all"]["mean"]) == (3, 0.0267)


def test_nobody_checked_is_told_as_nothing(place: Place) -> None:
    assert facts(place)["accuracy"] == {"cameras": [], "all": None}
