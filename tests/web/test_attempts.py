"""Guessing is slow for the guesser and for nobody else."""

from datetime import UTC, datetime, timedelta

from appliance.web.attempts import (
    MOST_KEYS,
    MOST_PER_ADDRESS,
    MOST_PER_NAME_AND_ADDRESS,
    WINDOW,
    FailedAttempts,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NONE = timedelta(0)


def failed(times: int, name: str = "ada", address: str = "10.0.0.1") -> FailedAttempts:
    attempts = FailedAttempts()
    for number in range(times):
        attempts.add(name, address, NOW + timedelta(seconds=number))
    return attempts


def test_one_name_at_one_address_must_wait_and_then_may_try_again() -> None:
    attempts = failed(MOST_PER_NAME_AND_ADDRESS)
    now = NOW + timedelta(seconds=MOST_PER_NAME_AND_ADDRESS)
    wait = attempts.wait("ada", "10.0.0.1", now)
    assert NONE < wait <= WINDOW
    assert attempts.wait("ada", "10.0.0.1", now + wait) == NONE


def test_fewer_failures_do_not_wait() -> None:
    assert failed(MOST_PER_NAME_AND_ADDRESS - 1).wait("ada", "10.0.0.1", NOW) == NONE


def test_others_are_not_locked_out() -> None:
    attempts = failed(MOST_PER_NAME_AND_ADDRESS)
    assert attempts.wait("ada", "10.0.0.2", NOW) == NONE
    assert attempts.wait("bob", "10.0.0.1", NOW) == NONE


def test_many_names_from_one_address_wait_too() -> None:
    attempts = FailedAttempts()
    for number in range(MOST_PER_ADDRESS):
        attempts.add(f"user{number}", "10.0.0.1", NOW)
    assert attempts.wait("ada", "10.0.0.1", NOW) > NONE


def test_success_forgets_the_name() -> None:
    attempts = failed(MOST_PER_NAME_AND_ADDRESS)
    attempts.forget("ada", "10.0.0.1")
    assert attempts.wait("ada", "10.0.0.1", NOW) == NONE


def test_success_over_and_over_never_locks_an_address() -> None:
    attempts = FailedAttempts()
    for _ in range(3 * MOST_PER_ADDRESS):
        attempts.add("ada", "10.0.0.1", NOW)
        attempts.forget("ada", "10.0.0.1")
    assert attempts.wait("ada", "10.0.0.1", NOW) == NONE


def test_invented_names_do_not_push_out_the_address_they_come_from() -> None:
    attempts = FailedAttempts()
    for number in range(MOST_KEYS + 100):
        attempts.add(f"user{number}", "10.0.0.1", NOW)
    assert attempts.wait("ada", "10.0.0.1", NOW) > NONE
