"""Proofs for outsiders: one entry, or growth since a checkpoint, with the public key alone."""

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymerkle import InclusionProof, InmemoryTree, InvalidProof

from appliance.audit import checkpoint, log, merkle, proof
from appliance.audit.checkpoint import Checkpoint, CheckpointInvalid
from appliance.audit.log import EntryUnknown
from appliance.audit.proof import ProofInvalid, check_entry, check_growth, growth_text, prove_entry, prove_growth
from appliance.errors import VeilsightError
from appliance.storage.database import reading
from appliance.storage.site import Site


@pytest.fixture
def note(site: Site, key: Ed25519PrivateKey, write: Callable[[int], None]) -> str:
    """A checkpoint over 13 entries of a log that has more."""
    write(13)
    with site.engine.begin() as connection:
        signed = checkpoint.make_checkpoint(connection, key, site.origin)
    write(9)
    return signed


@pytest.mark.parametrize("number", range(13))
def test_every_entry_is_proved(site: Site, note: str, number: int) -> None:
    with reading(site.engine) as connection:
        text = prove_entry(connection, number, note, 13)
        proven = check_entry(text, site.public_key)
        assert proven.text == log.entry_text(connection, number)
    assert (proven.number, proven.checkpoint.size, proven.checkpoint.origin) == (number, 13, site.origin)


def test_the_proof_has_the_form_of_the_standard(site: Site, note: str) -> None:
    with reading(site.engine) as connection:
        text = prove_entry(connection, 3, note, 13)
        entry = log.entry_text(connection, 3)
    head, _, rest = text.partition("\n\n")
    lines = head.split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", f"extra {base64.b64encode(entry.encode()).decode()}", "index 3"]
    assert [len(base64.b64decode(line)) for line in lines[3:]] == [32, 32, 32, 32]
    assert rest == note


def test_a_second_implementation_accepts_the_path(site: Site, note: str) -> None:
    with reading(site.engine) as connection:
        path = list(merkle.inclusion_path(6, 13, log.node_lookup(connection)))
        leaf = merkle.hash_leaf(log.entry_text(connection, 6).encode())
        tree = InmemoryTree(algorithm="sha256")
        for number in range(13):
            tree.append_entry(log.entry_text(connection, number).encode())
    rule = tree.prove_inclusion(7).rule
    root = checkpoint.read(note, site.public_key).root
    InclusionProof("sha256", True, 13, 7, rule, [leaf, *path]).verify(leaf, root)
    with pytest.raises(InvalidProof):
        InclusionProof("sha256", True, 13, 7, rule, [leaf, *reversed(path)]).verify(leaf, root)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_character_is_accepted(site: Site, note: str, data: st.DataObject) -> None:
    with reading(site.engine) as connection:
        text = prove_entry(connection, 6, note, 13)
    position = data.draw(st.integers(0, len(text) - 2))
    character = data.draw(st.characters(codec="ascii").filter(lambda other: other != text[position]))
    with pytest.raises(VeilsightError):
        check_entry(text[:position] + character + text[position + 1 :], site.public_key)


def test_a_proof_of_another_site_is_refused(site: Site, note: str) -> None:
    with reading(site.engine) as connection:
        text = prove_entry(connection, 6, note, 13)
    with pytest.raises(CheckpointInvalid):
        check_entry(text, Ed25519PrivateKey.generate().public_key())


@pytest.mark.parametrize("text", ["", "\n\n\n", f"{proof.HEADER}\n\n", f"{proof.HEADER}\nextra AA==\nindex x\n\nnote"])
def test_what_is_no_proof_is_one_sentence(site: Site, text: str) -> None:
    with pytest.raises(ProofInvalid):
        check_entry(text, site.public_key)


def test_an_entry_that_is_not_there_has_no_proof(site: Site, note: str) -> None:
    with reading(site.engine) as connection, pytest.raises(EntryUnknown):
        prove_entry(connection, 400, note, 13)


def test_growth_is_proved_to_whoever_kept_a_checkpoint(site: Site, note: str, key: Ed25519PrivateKey) -> None:
    old = checkpoint.read(note, site.public_key)
    with site.engine.begin() as connection:
        new = checkpoint.read(checkpoint.make_checkpoint(connection, key, site.origin), site.public_key)
        path = prove_growth(connection, old, new)
        assert merkle.consistency_holds(13, 22, old.root, new.root, path)
        text = growth_text(note, path, checkpoint.sign(new, key))
        assert check_growth(text, site.public_key) == (old, new)
        with pytest.raises(ProofInvalid, match="does not begin with 13"):
            check_growth(growth_text(note, path[1:], checkpoint.sign(new, key)), site.public_key)
        with pytest.raises(CheckpointInvalid, match="not signed"):
            check_growth(text, Ed25519PrivateKey.generate().public_key())
        with pytest.raises(CheckpointInvalid, match="changed"):
            prove_growth(connection, Checkpoint(old.origin, 13, bytes(32)), new)
        with pytest.raises(CheckpointInvalid, match="not an earlier one"):
            prove_growth(connection, new, old)
        with pytest.raises(CheckpointInvalid, match="not an earlier one"):
            prove_growth(connection, Checkpoint("veilsight.local/other", 13, old.root), new)
