"""Signed checkpoints: their form, their key identifier, and what is refused."""

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.audit import checkpoint, log
from appliance.audit.checkpoint import Checkpoint, CheckpointInvalid
from appliance.audit.verification import verify
from appliance.storage.database import reading
from appliance.storage.site import Site

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EXAMPLE = Checkpoint("veilsight.local/0123456789abcdef", 20, bytes(range(32)))


def test_the_key_identifier_of_a_published_key() -> None:
    """The verifier key of the signed note's first implementation: name, identifier, then 0x01 and the public key."""
    name, identifier, encoded = "PeterNeumann", "c74f20a3", "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    data = base64.b64decode(encoded)
    assert data[:1] == checkpoint.ED25519
    key = Ed25519PublicKey.from_public_bytes(data[1:])
    assert checkpoint.key_identifier(name, key).hex() == identifier


def test_the_note_has_the_form_of_the_standard() -> None:
    body, _, signatures = checkpoint.sign(EXAMPLE, KEY).partition("\n\n")
    assert body == f"{EXAMPLE.origin}\n20\n{base64.b64encode(EXAMPLE.root).decode()}"
    dash, name, encoded = signatures.split(" ")
    assert (dash, name, encoded[-1]) == ("\u2014", EXAMPLE.origin, "\n")
    signature = base64.b64decode(encoded)
    assert len(signature) == 4 + 64
    assert signature[:4] == checkpoint.key_identifier(EXAMPLE.origin, KEY.public_key())
    KEY.public_key().verify(signature[4:], f"{body}\n".encode())


@settings(max_examples=50, deadline=None)
@given(size=st.integers(0, 2**63), root=st.binary(min_size=32, max_size=32))
def test_what_was_signed_is_read_again(size: int, root: bytes) -> None:
    signed = Checkpoint(EXAMPLE.origin, size, root)
    assert checkpoint.read(checkpoint.sign(signed, KEY), KEY.public_key()) == signed


def test_witnesses_may_sign_as_well() -> None:
    """A note may have more signatures, of keys unknown to us, before and after ours."""
    body, _, own = checkpoint.sign(EXAMPLE, KEY).partition("\n\n")
    other = "\u2014 witness.example AAAAAAEC\n"
    for note in (f"{body}\n\n{own}{other}", f"{body}\n\n{other}{own}"):
        assert checkpoint.read(note, KEY.public_key()) == EXAMPLE


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_no_changed_character_is_accepted(data: st.DataObject) -> None:
    note = checkpoint.sign(EXAMPLE, KEY)
    position = data.draw(st.integers(0, len(note) - 2))
    character = data.draw(st.characters(codec="ascii").filter(lambda other: other != note[position]))
    changed = note[:position] + character + note[position + 1 :]
    with pytest.raises(CheckpointInvalid):
        checkpoint.read(changed, KEY.public_key())


def test_another_key_is_refused() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    with pytest.raises(CheckpointInvalid, match="not signed with this site's key"):
        checkpoint.read(checkpoint.sign(EXAMPLE, KEY), other)


@pytest.mark.parametrize("size", ["020", "+20", "2" * 21, "2" * 5000, "\u0662\u0660", "-1", ""])
def test_a_size_has_one_way_to_be_written(size: str) -> None:
    """Signed by the right key, and refused nevertheless."""
    body = f"{EXAMPLE.origin}\n{size}\n{base64.b64encode(EXAMPLE.root).decode()}\n"
    signature = checkpoint.key_identifier(EXAMPLE.origin, KEY.public_key()) + KEY.sign(body.encode())
    note = f"{body}\n\u2014 {EXAMPLE.origin} {base64.b64encode(signature).decode()}\n"
    with pytest.raises(CheckpointInvalid, match="not a checkpoint"):
        checkpoint.read(note, KEY.public_key())


@pytest.mark.parametrize(
    "note", ["", "\n", "\n\n", "a\n1\n", "a\nb\nAAAA\n\n\u2014 a AAAA\n", "a\n1\n!\n\n\u2014 a AA\n"]
)
def test_what_is_no_checkpoint_is_one_sentence(note: str) -> None:
    with pytest.raises(CheckpointInvalid):
        checkpoint.read(note, KEY.public_key())


def test_a_checkpoint_of_the_log_is_kept(site: Site, key: Ed25519PrivateKey, write: Callable[[int], None]) -> None:
    write(5)
    with site.engine.begin() as connection:
        note = checkpoint.make_checkpoint(connection, key, site.origin)
    write(1)
    with reading(site.engine) as connection:
        (stored,) = checkpoint.stored_checkpoints(connection)
        assert stored == checkpoint.latest_checkpoint(connection)
        assert (stored.size, stored.note) == (5, note)
        assert checkpoint.read(note, site.public_key) == Checkpoint(site.origin, 5, log.root(connection, 5))
    assert site.origin.startswith("veilsight.local/")


def test_an_unchanged_log_gives_the_same_checkpoint(site: Site, key: Ed25519PrivateKey) -> None:
    with site.engine.begin() as connection:
        notes = {checkpoint.make_checkpoint(connection, key, site.origin) for _ in range(3)}
        assert len(checkpoint.stored_checkpoints(connection)) == len(notes) == 1


def test_the_log_is_sealed_when_something_was_written_since(
    site: Site, key: Ed25519PrivateKey, write: Callable[[int], None]
) -> None:
    """The entry about a checkpoint is no reason for another one: a quiet site's log stays as it is."""

    def seal() -> bool:
        with site.engine.begin() as connection:
            return checkpoint.seal_if_grown(connection, key, site.origin, "schedule")

    assert not seal()
    write(2)
    assert [seal(), seal(), seal()] == [True, False, False]
    write(1)
    assert seal()
    with reading(site.engine) as connection:
        assert [each.size for each in checkpoint.stored_checkpoints(connection)] == [3, 5]
        assert verify(connection, site.public_key, site.origin).entries == 5
