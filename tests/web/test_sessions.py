"""Sessions end when they should, and only their own identifier finds them."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from appliance.storage.users import Role
from appliance.web.sessions import IDLE, LIFETIME, MOST_SESSIONS, SessionStore

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_only_its_identifier_finds_a_session() -> None:
    store = SessionStore()
    identifier, session = store.open("ada", Role.MANAGER, NOW)
    assert store.find(identifier, NOW) is session
    assert store.find(identifier + "x", NOW) is None
    assert store.find("", NOW) is None


def test_an_idle_session_ends() -> None:
    store = SessionStore()
    identifier, _ = store.open("ada", Role.MANAGER, NOW)
    assert store.find(identifier, NOW + IDLE - timedelta(seconds=1)) is not None
    assert store.find(identifier, NOW + 2 * IDLE - timedelta(seconds=2)) is not None
    assert store.find(identifier, NOW + 3 * IDLE) is None


@given(st.lists(st.integers(1, int(IDLE.total_seconds()) - 1), max_size=60))
def test_no_use_makes_a_session_live_longer_than_its_lifetime(pauses: list[int]) -> None:
    store = SessionStore()
    identifier, _ = store.open("ada", Role.MANAGER, NOW)
    now = NOW
    for pause in pauses:
        now += timedelta(seconds=pause)
        assert (store.find(identifier, now) is not None) == (now - NOW < LIFETIME)


def test_closing_ends_this_session_alone() -> None:
    store = SessionStore()
    first, _ = store.open("ada", Role.MANAGER, NOW)
    second, _ = store.open("ada", Role.MANAGER, NOW)
    store.close(first)
    assert store.find(first, NOW) is None
    assert store.find(second, NOW) is not None
    store.close_all_of("ada")
    assert store.find(second, NOW) is None


def test_memory_is_bounded_and_the_least_used_goes_first() -> None:
    store = SessionStore()
    identifiers = [
        store.open("ada", Role.MANAGER, NOW + timedelta(seconds=number))[0] for number in range(MOST_SESSIONS + 1)
    ]
    later = NOW + timedelta(seconds=MOST_SESSIONS + 1)
    assert store.find(identifiers[0], later) is None
    assert store.find(identifiers[1], later) is not None


def test_messages_are_shown_once() -> None:
    _, session = SessionStore().open("ada", Role.MANAGER, NOW)
    session.say("good", "Done.")
    assert [message.text for message in session.take_messages()] == ["Done."]
    assert session.take_messages() == []
