"""Time-based codes as RFC 6238 has them, each good once, and recovery codes."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from appliance.storage import second_factor, users
from appliance.storage.site import Site
from appliance.storage.users import Role

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
# RFC 6238, appendix B, for SHA-1: the last six digits of each value.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_CODES = {59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"}


@pytest.mark.parametrize(("seconds", "code"), RFC_CODES.items())
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert second_factor.matching_step(RFC_SECRET, code, now) == seconds // 30
    assert second_factor.matching_step(RFC_SECRET, f"{code[:3]} {code[3:]}", now) is not None
    assert second_factor.matching_step(RFC_SECRET, code, now + timedelta(seconds=30)) == seconds // 30
    assert second_factor.matching_step(RFC_SECRET, code, now + timedelta(seconds=90)) is None


@pytest.mark.parametrize("code", ["", "0", "28708", "2870820", "\N{FULLWIDTH DIGIT TWO}87082", "abcdef"])
def test_what_is_no_code_matches_nothing(code: str) -> None:
    assert second_factor.matching_step(RFC_SECRET, code, datetime.fromtimestamp(59, UTC)) is None


def test_each_code_is_good_once(site: Site) -> None:
    with site.engine.begin() as connection:
        users.add(connection, "anna", "correct horse 1", Role.MANAGER)
        secret = second_factor.new_secret()
        assert second_factor.use(connection, "anna", pyotp.TOTP(secret).at(NOW), NOW) is None
        codes = second_factor.turn_on(connection, "anna", secret, int(NOW.timestamp()) // 30 - 1)
        assert len(set(codes)) == second_factor.RECOVERY_CODES

        def use(code: str) -> str | None:
            return second_factor.use(connection, "anna", code, NOW)

        assert use(pyotp.TOTP(secret).at(NOW - timedelta(seconds=30))) is None  # it proved that the device works
        assert use(pyotp.TOTP(secret).at(NOW)) == "code"
        assert use(pyotp.TOTP(secret).at(NOW)) is None
        assert use(codes[0].lower().replace("-", " ")) == "recovery code"
        assert use(codes[0]) is None
        assert second_factor.codes_left(connection, "anna") == second_factor.RECOVERY_CODES - 1
        second_factor.turn_off(connection, "anna")
        assert use(codes[1]) is None
        assert not second_factor.is_on(connection, "anna")


def test_codes_of_others_and_of_removed_users_are_worth_nothing(site: Site) -> None:
    with site.engine.begin() as connection:
        for name in ("anna", "bert"):
            users.add(connection, name, "correct horse 1", Role.MANAGER)
        codes = second_factor.turn_on(connection, "anna", second_factor.new_secret(), 0)
        second_factor.turn_on(connection, "bert", second_factor.new_secret(), 0)
        assert second_factor.use(connection, "bert", codes[0], NOW) is None
        users.remove(connection, "anna")
        users.add(connection, "anna", "correct horse 1", Role.MANAGER)
        assert not second_factor.is_on(connection, "anna")
        assert second_factor.codes_left(connection, "anna") == 0
