"""The Merkle tree of RFC 9162, section 2.1: hashing, roots and proofs, as arithmetic over a function that finds hashes.

A tree of n leaves is made of complete subtrees. `Node` names one: level 0 are the leaves, and the node at (level,
position) joins the two below it at positions 2 * position and 2 * position + 1.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

EMPTY_ROOT = hashlib.sha256(b"").digest()


class Node(NamedTuple):
    """A complete subtree of 2**level leaves, the position-th of its level from the left."""

    level: int
    position: int


Lookup = Callable[[Node], bytes]


def hash_leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def completed_nodes(number: int) -> Iterator[Node]:
    """The subtrees above the leaves that leaf `number` completes, lowest first."""
    level, position = 1, number
    while position & 1:
        position >>= 1
        yield Node(level, position)
        level += 1


def range_hash(start: int, end: int, lookup: Lookup) -> bytes:
    """The hash MTH(D[start:end]) of a subtree that the tree's structure has; start < end."""
    size = end - start
    if size & (size - 1) == 0 and start % size == 0:
        level = size.bit_length() - 1
        return lookup(Node(level, start >> level))
    middle = start + split(size)
    return hash_children(range_hash(start, middle, lookup), range_hash(middle, end, lookup))


def root(size: int, lookup: Lookup) -> bytes:
    """The root of the first `size` leaves."""
    return range_hash(0, size, lookup) if size else EMPTY_ROOT


def split(size: int) -> int:
    """The largest power of two smaller than `size` (RFC 9162's k), for size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_path(number: int, size: int, lookup: Lookup) -> tuple[bytes, ...]:
    """PATH(number, D[size]) of RFC 9162, section 2.1.3.1: sibling hashes from the leaf upwards."""
    if not 0 <= number < size:
        raise ValueError(f"there is no entry {number} in a log of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if number < middle:
            path.append(range_hash(middle, end, lookup))
            end = middle
        else:
            path.append(range_hash(start, middle, lookup))
            start = middle
    return tuple(reversed(path))


def consistency_path(old: int, new: int, lookup: Lookup) -> tuple[bytes, ...]:
    """PROOF(old, D[new]) of RFC 9162, section 2.1.4.1; 0 < old <= new."""
    if not 0 < old <= new:
        raise ValueError(f"a log of {new} entries has no earlier state of {old}")
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while old - start != end - start:
        middle = start + split(end - start)
        if old <= middle:
            path.append(range_hash(middle, end, lookup))
            end = middle
        else:
            path.append(range_hash(start, middle, lookup))
            start, whole = middle, False
    if not whole:
        path.append(range_hash(start, end, lookup))
    return tuple(reversed(path))


def root_from_inclusion(leaf: bytes, number: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2); `ValueError` if malformed."""
    if not 0 <= number < size:
        raise ValueError("the entry lies outside the log")
    position, last, result = number, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ValueError("the proof is too long")
        if position & 1 or position == last:
            result = hash_children(sibling, result)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            result = hash_children(result, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return result


def consistency_holds(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the log of `new` entries begins with that of `old` entries (RFC 9162, section 2.1.4.2)."""
    if old == new:
        return not path and old_root == new_root
    if not 0 < old < new or not path:
        return False
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            first, second = hash_children(sibling, first), hash_children(sibling, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = hash_children(second, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
