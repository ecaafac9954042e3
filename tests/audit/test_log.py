"""The log itself: what an entry looks like, and what is found again."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pymerkle import InmemoryTree

from appliance.audit import log, merkle
from appliance.audit.log import Action, EntryUnknown, Event, append
from appliance.storage.database import reading
from appliance.storage.site import Site
from tests.audit.conftest import NOON


def test_an_entry_is_canonical_json_with_fixed_fields(site: Site) -> None:
    """The words outsiders hash: sorted keys, no spaces, text in UTF-8 (RFC 8785), UTC to the second (RFC 3339)."""
    event = Event(
        "anna", "report-delivered", "Bericht \u2116 1", "report", 7, "ab", "head-office", {"tries": 2, "a": "b"}
    )
    moment = datetime(2026, 11, 23, 13, 0, 5, 999_999, tzinfo=timezone(timedelta(hours=1)))
    with site.engine.begin() as connection:
        number = append(connection, event, moment)
        text = log.entry_text(connection, number)
    assert text == (
        '{"action":"report-delivered","actor":"anna","bytes":7,"data_class":"report","destination":"head-office",'
        '"details":{"a":"b","tries":2},"sha256":"ab","subject":"Bericht \u2116 1","time":"2026-11-23T12:00:05Z"}'
    )


def test_entries_come_back_as_they_were_written(site: Site) -> None:
    events = [Event("anna", "login", "anna"), Event("anna", "view-opened", "door", details={"seconds": 5})]
    with site.engine.begin() as connection:
        first = log.size(connection)
        numbers = [append(connection, event, NOON) for event in events]
    assert numbers == [first, first + 1]
    with reading(site.engine) as connection:
        found = log.entries(connection)[first:]
    assert [(entry.number, entry.time, entry.event) for entry in found] == [
        (number, NOON, event) for number, event in zip(numbers, events, strict=True)
    ]


def test_entries_are_chosen_by_time_and_action(site: Site) -> None:
    actions: tuple[Action, ...] = ("login", "view-opened", "login", "logout")
    with site.engine.begin() as connection:
        for hour, action in enumerate(actions):
            append(connection, Event("anna", action, str(hour)), NOON + timedelta(hours=hour))
    with reading(site.engine) as connection:

        def subjects(**choice: object) -> list[str]:
            return [entry.event.subject for entry in log.entries(connection, start=NOON, **choice)]  # type: ignore[arg-type]

        assert subjects() == ["0", "1", "2", "3"]
        assert subjects(end=NOON + timedelta(hours=2)) == ["0", "1"]
        assert subjects(actions=["login"]) == ["0", "2"]
        assert subjects(newest_first=True, limit=2) == ["3", "2"]
        assert subjects(newest_first=True, limit=2, offset=2) == ["1", "0"]
        assert log.count(connection, ["login"]) == 2


def test_the_root_is_that_of_the_entries_texts(site: Site, write: Callable[[int], None]) -> None:
    """An outsider with the entries alone computes the same root, with any implementation."""
    write(75)
    with reading(site.engine) as connection:
        texts = [log.entry_text(connection, number) for number in range(log.size(connection))]
        other = InmemoryTree(algorithm="sha256")
        for text in texts:
            other.append_entry(text.encode())
        for size in (1, 2, 31, 64, len(texts)):
            assert log.root(connection, size) == other.get_root(size)
        assert log.root(connection) == other.get_root()


def test_an_entry_is_proved_from_stored_hashes(site: Site, write: Callable[[int], None]) -> None:
    write(37)
    with reading(site.engine) as connection:
        size = log.size(connection)
        for number in (0, 17, size - 1):
            path = merkle.inclusion_path(number, size, log.node_lookup(connection))
            leaf = merkle.hash_leaf(log.entry_text(connection, number).encode())
            assert merkle.root_from_inclusion(leaf, number, size, path) == log.root(connection)


def test_an_entry_that_is_not_there_is_one_sentence(site: Site) -> None:
    with reading(site.engine) as connection, pytest.raises(EntryUnknown, match="no entry 99"):
        log.entry_text(connection, 99)


def test_the_time_is_the_clocks_in_utc(site: Site) -> None:
    """Times come from the clock in UTC unless given; the entry's own time is that moment, to the second."""
    before = datetime.now(UTC).replace(microsecond=0)
    with site.engine.begin() as connection:
        number = append(connection, Event("test", "started", "engine"))
        moment = datetime.fromisoformat(json.loads(log.entry_text(connection, number))["time"])
    assert before <= moment <= datetime.now(UTC)


def test_large_texts_and_numbers_hash_alike_everywhere(site: Site) -> None:
    with site.engine.begin() as connection:
        number = append(connection, Event("test", "started", "\u00e4\U0001f600" * 1000, details={"n": 2**53 - 1}))
        text = log.entry_text(connection, number)
        stored = log.node_lookup(connection)(merkle.Node(0, number))
    assert stored == hashlib.sha256(b"\x00" + text.encode("utf-8")).digest()
