"""The vault: what opens it, who may read it, and what happens where that is wrong."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from appliance.settings import Paths, Unlocking
from appliance.storage import credentials, keys, legacy_keys, vault
from appliance.storage.database import create_database
from appliance.storage.recovery_code import ALPHABET, make_recovery_code, read_recovery_code
from appliance.storage.site import create_site, open_site

PASSPHRASE = "correct horse battery"


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def answering(paths: Paths, text: str) -> Paths:
    return replace(paths, unlocking=Unlocking(ask=lambda: text))


def files_in(*folders: Path) -> bytes:
    return b"".join(path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file())


def test_new_keys_are_for_their_owner_alone(paths: Paths) -> None:
    previous = os.umask(0)
    try:
        keys.create_vault(paths)
    finally:
        os.umask(previous)
    assert permissions(paths.keys) == 0o700
    assert permissions(paths.keys / keys.KEY_FILE) == 0o600
    assert sorted(path.name for path in paths.keys.iterdir()) == ["signing.pub", "vault.key"]


def test_keys_come_back_as_they_were_made(paths: Paths) -> None:
    keys.create_vault(paths)
    assert keys.load_database_key(paths) == keys.load_database_key(paths)
    assert len(keys.load_database_key(paths).raw) == 32
    public = keys.public_key_pem(keys.load_public_key(paths))
    assert keys.public_key_pem(keys.load_signing_key(paths).public_key()) == public


def test_no_key_lies_anywhere_in_the_clear(paths: Paths) -> None:
    """What the key file holds is of no use without the vault, and opens nothing by itself."""
    keys.create_vault(paths)
    raw = keys.load_database_key(paths).raw
    signing = keys.load_signing_key(paths).private_bytes_raw()
    everything = files_in(paths.state)
    for secret in (raw, signing):
        assert secret not in everything
        assert secret.hex().encode() not in everything
    assert b"PRIVATE KEY" not in everything


def test_two_sites_have_different_keys(paths: Paths, tmp_path: Path) -> None:
    other = replace(paths, state=tmp_path / "other")
    keys.create_vault(paths)
    keys.create_vault(other)
    assert keys.load_database_key(paths) != keys.load_database_key(other)
    shutil.copy(paths.keys / keys.KEY_FILE, other.keys / keys.KEY_FILE)
    with pytest.raises(keys.KeyUnusable, match="another site's"):
        keys.load_database_key(other)


def test_a_vault_is_never_written_over(paths: Paths) -> None:
    keys.create_vault(paths)
    before = files_in(paths.state)
    with pytest.raises(FileExistsError):
        keys.create_vault(paths)
    assert files_in(paths.state) == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_can_read_is_refused(paths: Paths, mode: int) -> None:
    keys.create_vault(paths)
    (paths.keys / keys.KEY_FILE).chmod(mode)
    with pytest.raises(keys.KeyUnusable, match="chmod 600"):
        keys.load_database_key(paths)


@pytest.mark.parametrize("content", ["", "abc", "ab" * 31, "ab" * 33, "zz" * 32, "\x00\xff"])
def test_a_damaged_key_file_is_one_sentence(paths: Paths, content: str) -> None:
    keys.create_vault(paths)
    (paths.keys / keys.KEY_FILE).write_text(content, encoding="latin-1")
    with pytest.raises(keys.KeyUnusable, match="damaged"):
        keys.load_database_key(paths)


def test_whatever_is_changed_in_the_vault_is_found(paths: Paths) -> None:
    """Each value of the file, one after the other; none is used unless it is authentic."""
    create_site(paths)[0].engine.dispose()
    good = paths.vault.read_text(encoding="utf-8")
    changed = 0
    for line in good.splitlines():
        if '": "' in line and "identifier" not in line:
            value = line.split('": "')[1].rstrip('",')
            paths.vault.write_text(good.replace(value, ("A" if value[0] != "A" else "B") + value[1:], 1))
            with pytest.raises((keys.KeyUnusable, keys.KeyMissing)):
                load_both(paths)
            changed += 1
    assert changed >= 8
    for broken in ("", "{}", good[:100], good.replace('"version": 1', '"version": 2')):
        paths.vault.write_text(broken)
        with pytest.raises(keys.KeyUnusable, match="damaged, or of a newer version"):
            keys.load_database_key(paths)


def load_both(paths: Paths) -> None:
    keys.load_database_key(paths)
    keys.load_signing_key(paths)


def test_weaker_costs_of_the_passphrase_are_refused(paths: Paths) -> None:
    keys.create_vault(paths, "passphrase", PASSPHRASE)
    content = json.loads(paths.vault.read_text())
    (wrapping,) = content["wrappings"]
    assert (wrapping["kind"], wrapping["memory_kib"], wrapping["passes"]) == ("passphrase", 64 * 1024, 3)
    wrapping["memory_kib"] = 8
    paths.vault.write_text(json.dumps(content))
    with pytest.raises(keys.KeyUnusable, match="damaged"):
        keys.load_database_key(answering(paths, PASSPHRASE))


def test_a_passphrase_opens_the_site_and_no_other_does(paths: Paths) -> None:
    asked = answering(paths, PASSPHRASE)
    create_site(asked, "passphrase", PASSPHRASE)[0].engine.dispose()
    assert sorted(path.name for path in paths.keys.iterdir()) == ["signing.pub"]
    assert PASSPHRASE.encode() not in files_in(paths.state)
    open_site(asked).engine.dispose()
    for wrong in (PASSPHRASE + " ", "", make_recovery_code()):
        with pytest.raises(keys.KeyUnusable, match="neither this site's passphrase nor"):
            open_site(answering(paths, wrong))
    with pytest.raises(keys.KeyMissing, match="nobody here to ask"):
        open_site(paths)


def test_a_short_passphrase_is_refused_and_leaves_nothing(paths: Paths) -> None:
    with pytest.raises(keys.KeyUnusable, match="at least 12"):
        keys.create_vault(paths, "passphrase", "short")
    assert not paths.vault.exists()


def test_the_recovery_code_opens_a_site_whose_key_file_is_lost(paths: Paths) -> None:
    create_site(paths)[0].engine.dispose()
    first = keys.renew_recovery_code(paths)
    code = keys.renew_recovery_code(paths)
    (paths.keys / keys.KEY_FILE).unlink()
    with pytest.raises(keys.KeyMissing, match="protect key-file --recover"):
        open_site(paths)
    content = vault.read_vault(paths.vault)
    with pytest.raises(keys.KeyUnusable):
        vault.open_with_words(content, first)
    keys.protect(paths, content, vault.open_with_words(content, code.lower().replace("-", " ")), "key-file")
    open_site(paths).engine.dispose()
    assert vault.open_with_words(vault.read_vault(paths.vault), code)


def test_what_opened_the_site_before_no_longer_does(paths: Paths) -> None:
    keys.create_vault(paths)
    before = keys.load_database_key(paths)
    old = (paths.keys / keys.KEY_FILE).read_bytes()
    content = vault.read_vault(paths.vault)
    keys.protect(paths, content, keys.root_secret(paths, content), "passphrase", PASSPHRASE)
    assert not (paths.keys / keys.KEY_FILE).exists()
    asked = answering(paths, PASSPHRASE)
    content = vault.read_vault(paths.vault)
    keys.protect(asked, content, keys.root_secret(asked, content), "key-file")
    assert keys.load_database_key(paths) == before
    (paths.keys / keys.KEY_FILE).write_bytes(old)
    with pytest.raises(keys.KeyUnusable):
        keys.load_database_key(paths)


def test_a_key_file_that_was_changed_half_way_still_opens(paths: Paths) -> None:
    """Killed after the vault was written and before the new key file took its name."""
    keys.create_vault(paths)
    old = (paths.keys / keys.KEY_FILE).read_bytes()
    content = vault.read_vault(paths.vault)
    keys.protect(paths, content, keys.root_secret(paths, content), "key-file")
    (paths.keys / keys.KEY_FILE).rename(paths.keys / keys.NEXT_KEY_FILE)
    key = keys.load_database_key(paths)
    (paths.keys / keys.KEY_FILE).write_bytes(old)
    (paths.keys / keys.KEY_FILE).chmod(0o600)
    assert keys.load_database_key(paths) == key


def test_a_program_gets_the_keys_it_was_handed_and_no_other(paths: Paths, tmp_path: Path) -> None:
    """By the service manager in files, or by the parent process in memory; the engine can't sign with what it has."""
    keys.create_vault(paths)
    parts = keys.load_parts(paths)
    (paths.keys / keys.KEY_FILE).unlink()
    credentials_folder = tmp_path / "credentials"
    credentials_folder.mkdir()
    handed_in = credentials_folder / vault.DATABASE_PART
    handed_in.write_text(parts[vault.DATABASE_PART].hex())
    handed_in.chmod(0o440)
    handed = {vault.DATABASE_PART: parts[vault.DATABASE_PART]}
    for program in (
        replace(paths, credentials=credentials_folder),
        replace(paths, unlocking=Unlocking(handed=handed)),
    ):
        assert len(keys.load_database_key(program).raw) == 32
        with pytest.raises(keys.KeyMissing):
            keys.load_signing_key(program)
    both = replace(paths, unlocking=Unlocking(handed={str(name): secret for name, secret in parts.items()}))
    assert keys.load_signing_key(both).public_key() == keys.load_public_key(paths)


def test_a_site_of_an_earlier_version_moves_into_the_vault_without_loss(paths: Paths) -> None:
    raw, signing = vault.new_secret(), Ed25519PrivateKey.generate()
    make_earlier_site(paths, raw, signing)
    assert keys.load_database_key(paths).raw == raw
    assert keys.load_signing_key(paths).private_bytes_raw() == signing.private_bytes_raw()
    site, _ = create_site(paths)
    site.engine.dispose()
    assert keys.load_database_key(paths).raw == raw
    assert keys.load_signing_key(paths).private_bytes_raw() == signing.private_bytes_raw()
    assert sorted(path.name for path in paths.keys.iterdir()) == ["signing.pub", "vault.key"]
    assert raw.hex().encode() not in files_in(paths.state)


def test_a_site_that_moved_half_way_is_moved_by_the_next_set_up(paths: Paths) -> None:
    raw, signing = vault.new_secret(), Ed25519PrivateKey.generate()
    make_earlier_site(paths, raw, signing)
    keys.create_vault(paths)
    assert (paths.keys / legacy_keys.DATABASE_KEY).exists()
    create_site(paths)[0].engine.dispose()
    assert sorted(path.name for path in paths.keys.iterdir()) == ["signing.pub", "vault.key"]
    open_site(paths).engine.dispose()


def make_earlier_site(paths: Paths, raw: bytes, signing: Ed25519PrivateKey) -> None:
    paths.keys.mkdir(mode=0o700, parents=True)
    private = signing.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for name, content, mode in (
        (legacy_keys.DATABASE_KEY, raw.hex().encode(), 0o600),
        (legacy_keys.SIGNING_KEY, private, 0o600),
        (keys.PUBLIC_KEY, keys.public_key_pem(signing.public_key()), 0o644),
    ):
        (paths.keys / name).write_bytes(content)
        (paths.keys / name).chmod(mode)
    create_database(paths.database, keys.DatabaseKey(raw)).dispose()


def test_a_database_without_its_vault_is_never_given_a_new_one(paths: Paths) -> None:
    create_site(paths)[0].engine.dispose()
    paths.vault.unlink()
    with pytest.raises(keys.KeyMissing, match="db restore"):
        create_site(paths)
    assert not paths.vault.exists()


def test_a_damaged_public_key_is_one_sentence_and_a_missing_one_is_made_again(paths: Paths) -> None:
    create_site(paths)[0].engine.dispose()
    public = paths.keys / keys.PUBLIC_KEY
    content = public.read_bytes()
    public.write_text("nothing")
    with pytest.raises(keys.KeyUnusable, match="not a public key"):
        keys.load_public_key(paths)
    public.unlink()
    create_site(paths)[0].engine.dispose()
    assert public.read_bytes() == content


def test_a_missing_key_is_one_sentence(paths: Paths) -> None:
    for load in (keys.load_database_key, keys.load_signing_key, keys.load_public_key):
        with pytest.raises(keys.KeyMissing):
            load(paths)


def test_a_key_is_not_shown(paths: Paths) -> None:
    keys.create_vault(paths)
    key = keys.load_database_key(paths)
    assert key.raw.hex() not in repr(key)
    assert str(key.raw) not in repr(key)
    assert key.raw.hex() not in key.identifier
    handed = replace(paths, unlocking=Unlocking(handed={"x": key.raw}))
    assert str(key.raw) not in repr(handed) + repr(handed.unlocking)


def test_a_recovery_code_can_be_read_out_and_typed() -> None:
    code = make_recovery_code()
    assert len(code.split("-")) == 7
    assert set(code) <= set(ALPHABET + "-")
    secret = read_recovery_code(code)
    assert secret is not None
    assert read_recovery_code(f"  {code.lower().replace('-', ' ')} ") == secret
    assert read_recovery_code(code.replace("0", "o").replace("1", "l")) == secret


@given(position=st.integers(0, 27), other=st.sampled_from(ALPHABET))
def test_a_slip_of_the_pen_is_found(position: int, other: str) -> None:
    """The check lets one wrong code in 1,024 pass; the vault then refuses it."""
    code = "0123456789ABCDEFGHJKMNPQRS"
    whole = next(code + a + b for a in ALPHABET for b in ALPHABET if read_recovery_code(code + a + b))
    changed = whole[:position] + other + whole[position + 1 :]
    if position >= 26:
        assert (read_recovery_code(changed) is None) == (changed != whole)
    assert (read_recovery_code(changed) == read_recovery_code(whole)) == (changed == whole)


def test_a_host_key_seals_the_credentials_of_the_programs(paths: Paths, tmp_path: Path) -> None:
    """With the machine's own key, which systemd makes where there is no TPM."""
    needs_systemd_creds()
    site, _ = create_site(paths, "credential")
    site.engine.dispose()
    assert sorted(path.name for path in paths.keys.iterdir()) == [
        "courier-vault.key.cred",
        "database-vault.key.cred",
        "signing-vault.key.cred",
        "signing.pub",
        "vault.key.cred",
    ]
    # A version that handed the courier nothing of its own left none; the next start of a newer one seals it.
    (paths.keys / "courier-vault.key.cred").unlink()
    site, _ = create_site(paths, "credential")
    site.engine.dispose()
    part = bytes.fromhex(credentials.open_credential(paths.keys, vault.COURIER_PART).decode())
    assert part == keys.load_courier_part(paths)
    # As the service manager does for the engine.
    handed = tmp_path / "handed"
    handed.mkdir()
    (handed / vault.DATABASE_PART).write_bytes(credentials.open_credential(paths.keys, vault.DATABASE_PART))
    (handed / keys.PUBLIC_KEY).write_bytes((paths.keys / keys.PUBLIC_KEY).read_bytes())
    engine = replace(paths, credentials=handed, state=paths.state)
    open_site(engine).engine.dispose()
    with pytest.raises(keys.KeyMissing, match="was not handed"):
        keys.load_signing_key(engine)


def test_a_damaged_credential_is_one_sentence(paths: Paths) -> None:
    needs_systemd_creds()
    credentials.seal_credential(paths.keys, "x", b"secret", ("--with-key=host",))
    path = paths.keys / "x.cred"
    path.write_bytes(b"A" * 40 + path.read_bytes()[40:])
    with pytest.raises(keys.KeyUnusable, match="could not be opened"):
        credentials.open_credential(paths.keys, "x")


@pytest.fixture
def software_tpm(tmp_path: Path) -> Iterator[str]:
    """A TPM 2.0 in software; its address as systemd-creds takes it."""
    if shutil.which("swtpm") is None:
        pytest.skip("swtpm is not installed (packaging/apt-test.txt)")
    state = tmp_path / "tpm"
    state.mkdir()
    port = two_free_ports()
    # Its control channel is looked for at the next port. As a daemon it returns once both are open.
    command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--flags", "not-need-init,startup-clear"]
    command += ["--server", f"type=tcp,port={port}", "--ctrl", f"type=tcp,port={port + 1}"]
    subprocess.run([*command, "--daemon", "--pid", f"file={state}/pid"], check=True, timeout=30)
    try:
        yield f"swtpm:host=127.0.0.1,port={port}"
    finally:
        os.kill(int((state / "pid").read_text()), signal.SIGKILL)


def two_free_ports() -> int:
    """A port that is free and whose successor is."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            with suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port


def test_a_tpm_seals_and_opens_what_no_other_tpm_opens(software_tpm: str, paths: Paths) -> None:
    needs_systemd_creds()
    device = f"--tpm2-device={software_tpm}"
    secret = vault.new_secret().hex().encode()
    credentials.seal_credential(paths.keys, "vault.key", secret, ("--with-key=tpm2", device))
    assert secret not in (paths.keys / "vault.key.cred").read_bytes()
    assert credentials.sealed_with(paths.keys, "vault.key") == "tpm"
    assert credentials.open_credential(paths.keys, "vault.key", (device,)) == secret
    # Without this TPM, as on another machine
    with pytest.raises(keys.KeyUnusable, match="could not be opened"):
        credentials.open_credential(paths.keys, "vault.key", ("--tpm2-device=swtpm:host=127.0.0.1,port=9",))


def needs_systemd_creds() -> None:
    if shutil.which("systemd-creds") is None or os.getuid():
        pytest.skip("sealing credentials needs systemd-creds and root")
