"""The key files: who may read them, and what happens to one that is wrong."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.settings import Paths
from appliance.storage import keys


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_keys_are_for_their_owner_alone(paths: Paths) -> None:
    previous = os.umask(0)
    try:
        keys.create_database_key(paths)
        keys.create_signing_key(paths)
    finally:
        os.umask(previous)
    assert permissions(paths.keys) == 0o700
    assert permissions(paths.keys / keys.DATABASE_KEY) == 0o600
    assert permissions(paths.keys / keys.SIGNING_KEY) == 0o600
    assert sorted(path.name for path in paths.keys.iterdir()) == ["database.key", "signing.key", "signing.pub"]


def test_keys_come_back_as_they_were_made(paths: Paths) -> None:
    made, signing = keys.create_database_key(paths), keys.create_signing_key(paths)
    assert keys.load_database_key(paths) == made
    assert len(made.raw) == 32
    public = keys.public_key_pem(signing.public_key())
    assert keys.public_key_pem(keys.load_signing_key(paths).public_key()) == public
    assert keys.public_key_pem(keys.load_public_key(paths)) == public


def test_two_sites_have_different_keys(paths: Paths, tmp_path: Path) -> None:
    other = replace(paths, state=tmp_path / "other")
    assert keys.create_database_key(paths).raw != keys.create_database_key(other).raw


def test_a_key_is_never_written_over(paths: Paths) -> None:
    made = keys.create_database_key(paths)
    with pytest.raises(FileExistsError):
        keys.create_database_key(paths)
    assert keys.load_database_key(paths) == made
    assert [path.name for path in paths.keys.iterdir()] == ["database.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(paths: Paths, mode: int) -> None:
    keys.create_database_key(paths)
    (paths.keys / keys.DATABASE_KEY).chmod(mode)
    with pytest.raises(keys.KeyUnusable, match="chmod 600"):
        keys.load_database_key(paths)


def test_the_service_managers_credentials_come_first(paths: Paths, tmp_path: Path) -> None:
    """The service manager's directory is guarded by itself: its files may be readable by the service's group."""
    keys.create_database_key(paths)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    handed_in = credentials / keys.DATABASE_KEY
    handed_in.write_text("ab" * 32)
    handed_in.chmod(0o440)
    assert keys.load_database_key(replace(paths, credentials=credentials)).raw == bytes.fromhex("ab" * 32)


@pytest.mark.parametrize("content", ["", "abc", "ab" * 31, "ab" * 33, "zz" * 32, "\x00\xff"])
def test_a_damaged_key_is_one_sentence(paths: Paths, content: str) -> None:
    keys.create_database_key(paths)
    (paths.keys / keys.DATABASE_KEY).write_text(content, encoding="latin-1")
    with pytest.raises(keys.KeyUnusable, match="damaged"):
        keys.load_database_key(paths)


def test_a_damaged_signing_key_is_one_sentence(paths: Paths) -> None:
    keys.create_signing_key(paths)
    (paths.keys / keys.SIGNING_KEY).write_text("-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(keys.KeyUnusable, match="damaged"):
        keys.load_signing_key(paths)
    (paths.keys / keys.PUBLIC_KEY).write_text("nothing")
    with pytest.raises(keys.KeyUnusable, match="not a public key"):
        keys.load_public_key(paths)


def test_a_missing_key_is_one_sentence(paths: Paths) -> None:
    for load in (keys.load_database_key, keys.load_signing_key, keys.load_public_key):
        with pytest.raises(keys.KeyMissing):
            load(paths)


def test_a_key_is_not_shown(paths: Paths) -> None:
    key = keys.create_database_key(paths)
    assert key.raw.hex() not in repr(key)
    assert str(key.raw) not in repr(key)
    assert key.raw.hex() not in key.identifier
