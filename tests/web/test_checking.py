"""The check of the count by eye: what is compared, what is kept, and when nothing can be told."""

import pytest

from appliance.storage import counting_checks
from appliance.storage.database import reading
from appliance.web.context import WebContext
from appliance.web.views import REASONS
from tests.web.conftest import Browser, Clock, Engine, audit_entries


@pytest.fixture
def view(browser: Browser, engine: Engine) -> str:
    """The address of an open view of a camera that has counted 100 people so far."""
    engine.status = {"entered": {"entrance": 100}}
    answer = browser.post("/live", camera="entrance", reason=REASONS[1])
    return str(answer.headers["Location"])


def test_the_systems_count_is_since_the_check_began(browser: Browser, engine: Engine, view: str) -> None:
    assert browser.post(f"{view}/check").get_json() == {"system": 0}
    engine.status = {"entered": {"entrance": 107}}
    assert browser.get(f"{view}/check").get_json() == {"system": 7}


def test_the_difference_is_kept_with_its_date_and_written_down(
    browser: Browser, engine: Engine, view: str, context: WebContext, clock: Clock
) -> None:
    browser.post(f"{view}/check")
    clock.advance(seconds=20)
    browser.get(f"{view}/frame")
    engine.status = {"entered": {"entrance": 118}}
    answer = browser.post(f"{view}/check/end", mine="20").get_json()
    assert answer == {"mine": 20, "system": 18, "kept": True, "accuracy": "90%"}
    with reading(context.engine) as connection:
        (check,) = counting_checks.latest(connection).values()
    assert (check.camera, check.checked, check.user, check.seconds) == ("entrance", clock.now, "ada", 20)
    assert check.difference == pytest.approx(-0.1)
    (entry,) = audit_entries(context, "counting-checked")
    assert entry.event.details == {"difference": "-10%", "seconds": 20}


def test_with_too_few_people_nothing_is_kept(browser: Browser, view: str, context: WebContext) -> None:
    browser.post(f"{view}/check")
    assert not browser.post(f"{view}/check/end", mine="9").get_json()["kept"]
    with reading(context.engine) as connection:
        assert counting_checks.latest(connection) == {}
    assert audit_entries(context, "counting-checked") == []


def test_a_count_that_began_anew_ends_the_check(browser: Browser, engine: Engine, view: str) -> None:
    browser.post(f"{view}/check")
    engine.status = {"entered": {"entrance": 3}}
    assert browser.get(f"{view}/check").status_code == 409
    assert browser.post(f"{view}/check/end", mine="20").status_code == 409


def test_without_the_engine_no_check_begins(browser: Browser, engine: Engine, view: str) -> None:
    engine.status = {}
    assert browser.post(f"{view}/check").status_code == 503


@pytest.mark.parametrize("mine", ["-1", "10001", "many", ""])
def test_a_count_that_is_none_is_refused(browser: Browser, view: str, mine: str) -> None:
    browser.post(f"{view}/check")
    assert browser.post(f"{view}/check/end", mine=mine).status_code == 400


def test_only_an_open_view_of_this_session_can_be_checked(browser: Browser, engine: Engine) -> None:
    engine.status = {"entered": {"entrance": 100}}
    assert browser.post("/live/none/check").status_code == 410
