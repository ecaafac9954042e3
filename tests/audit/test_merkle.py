"""The Merkle tree against the standard's examples and a second implementation."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree, InvalidProof, verify_consistency

from appliance.audit import merkle
from appliance.audit.merkle import EMPTY_ROOT, Lookup, Node, hash_children, hash_leaf

# The reference leaves of Certificate Transparency (RFC 6962) and the roots of the first 1, 2, ... 8 of them.
REFERENCE_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
REFERENCE_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def build(leaves: list[bytes]) -> Lookup:
    """The complete subtrees over these leaves, kept as the log keeps them: each made once, when its last leaf comes."""
    nodes: dict[Node, bytes] = {}
    for number, data in enumerate(leaves):
        right = nodes[Node(0, number)] = hash_leaf(data)
        for node in merkle.completed_nodes(number):
            right = nodes[node] = hash_children(nodes[Node(node.level - 1, 2 * node.position)], right)
    return nodes.__getitem__


def test_the_reference_tree() -> None:
    lookup = build(REFERENCE_LEAVES)
    assert [merkle.root(size, lookup).hex() for size in range(1, 9)] == REFERENCE_ROOTS
    assert merkle.root(0, lookup) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_seven_leaves_of_rfc_9162() -> None:
    """Section 2.1.5, with the names that the standard gives to the hashes."""
    leaves = [b"d%d" % number for number in range(7)]
    lookup = build(leaves)
    a, b, c, d, e, f, j = (hash_leaf(data) for data in leaves)
    g, h, i = hash_children(a, b), hash_children(c, d), hash_children(e, f)
    k, l = hash_children(g, h), hash_children(i, j)  # noqa: E741 - the standard's name
    assert merkle.root(7, lookup) == hash_children(k, l)
    assert merkle.inclusion_path(0, 7, lookup) == (b, h, l)
    assert merkle.inclusion_path(3, 7, lookup) == (c, g, l)
    assert merkle.inclusion_path(4, 7, lookup) == (f, j, k)
    assert merkle.inclusion_path(6, 7, lookup) == (i, k)
    assert merkle.consistency_path(3, 7, lookup) == (c, d, g, l)
    assert merkle.consistency_path(4, 7, lookup) == (l,)
    assert merkle.consistency_path(6, 7, lookup) == (i, j, k)


LEAVES = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


@settings(max_examples=60, deadline=None)
@given(leaves=LEAVES, data=st.data())
def test_a_second_implementation_agrees(leaves: list[bytes], data: st.DataObject) -> None:
    lookup, other = build(leaves), second_implementation(leaves)
    size = data.draw(st.integers(1, len(leaves)))
    number = data.draw(st.integers(0, size - 1))
    assert merkle.root(size, lookup) == other.get_root(size)
    # Its path begins with the leaf itself, and it counts leaves from one.
    assert merkle.inclusion_path(number, size, lookup) == tuple(other.prove_inclusion(number + 1, size).path[1:])


@settings(max_examples=60, deadline=None)
@given(leaves=LEAVES, data=st.data())
def test_a_proof_of_inclusion_fits_its_leaf_alone(leaves: list[bytes], data: st.DataObject) -> None:
    lookup = build(leaves)
    size = len(leaves)
    number = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(number, size, lookup)
    root = merkle.root(size, lookup)
    assert len(path) <= (size - 1).bit_length()
    assert merkle.root_from_inclusion(hash_leaf(leaves[number]), number, size, path) == root
    assert merkle.root_from_inclusion(hash_leaf(b"something else"), number, size, path) != root
    if path:
        changed = data.draw(st.integers(0, len(path) - 1))
        forged = (*path[:changed], bytes(32), *path[changed + 1 :])
        assert merkle.root_from_inclusion(hash_leaf(leaves[number]), number, size, forged) != root
        with pytest.raises(ValueError, match="short"):
            merkle.root_from_inclusion(hash_leaf(leaves[number]), number, size, path[:-1])
    with pytest.raises(ValueError, match="long"):
        merkle.root_from_inclusion(hash_leaf(leaves[number]), number, size, (*path, bytes(32)))


@settings(max_examples=100, deadline=None)
@given(leaves=LEAVES, data=st.data())
def test_a_proof_of_consistency_fits_its_two_states_alone(leaves: list[bytes], data: st.DataObject) -> None:
    lookup = build(leaves)
    new = data.draw(st.integers(1, len(leaves)))
    old = data.draw(st.integers(1, new))
    roots = merkle.root(old, lookup), merkle.root(new, lookup)
    path = merkle.consistency_path(old, new, lookup)
    assert merkle.consistency_holds(old, new, *roots, path)
    assert not merkle.consistency_holds(old, new, bytes(32), roots[1], path)
    assert not merkle.consistency_holds(old, new, roots[0], bytes(32), path)
    assert not merkle.consistency_holds(old, new, *roots, (*path, bytes(32)))
    if path:
        assert not merkle.consistency_holds(old, new, *roots, path[:-1])


@settings(max_examples=100, deadline=None)
@given(leaves=LEAVES, data=st.data())
def test_a_second_implementation_agrees_on_consistency(leaves: list[bytes], data: st.DataObject) -> None:
    """Its proofs have another form, but the two states are the same, and so is the verdict on them."""
    new = data.draw(st.integers(1, len(leaves)))
    old = data.draw(st.integers(1, new))
    rewritten = data.draw(st.booleans())
    before, after = list(leaves), list(leaves)
    if rewritten:
        changed = data.draw(st.integers(0, old - 1))
        after[changed] += b"!"
    ours_before, ours_after = build(before), build(after)
    theirs_before, theirs_after = second_implementation(before), second_implementation(after)
    roots = merkle.root(old, ours_before), merkle.root(new, ours_after)
    assert roots == (theirs_before.get_root(old), theirs_after.get_root(new))
    path = merkle.consistency_path(old, new, ours_after)
    their_proof = theirs_after.prove_consistency(old, new)
    if rewritten:
        assert not merkle.consistency_holds(old, new, *roots, path)
        with pytest.raises(InvalidProof):
            verify_consistency(*roots, their_proof, old, new)
    else:
        assert merkle.consistency_holds(old, new, *roots, path)
        verify_consistency(*roots, their_proof, old, new)


def second_implementation(leaves: list[bytes]) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        tree.append_entry(leaf)
    return tree


@settings(max_examples=60, deadline=None)
@given(leaves=LEAVES, data=st.data())
def test_no_proof_joins_a_rewritten_history(leaves: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(leaves)))
    changed = data.draw(st.integers(0, old - 1))
    rewritten = [*leaves[:changed], leaves[changed] + b"!", *leaves[changed + 1 :]]
    before, after = build(leaves), build(rewritten)
    assume(old < len(leaves))
    path = merkle.consistency_path(old, len(leaves), after)
    old_root, new_root = merkle.root(old, before), merkle.root(len(leaves), after)
    assert not merkle.consistency_holds(old, len(leaves), old_root, new_root, path)


@pytest.mark.parametrize(("number", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_an_entry_outside_the_log_has_no_proof(number: int, size: int) -> None:
    with pytest.raises(ValueError, match="no entry"):
        merkle.inclusion_path(number, size, build([b"x"] * 4))
    with pytest.raises(ValueError, match="outside"):
        merkle.root_from_inclusion(bytes(32), number, size, ())


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_a_state_outside_the_log_has_no_proof(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no earlier state"):
        merkle.consistency_path(old, new, build([b"x"] * 4))
    assert not merkle.consistency_holds(old, new, bytes(32), bytes(32), ())
