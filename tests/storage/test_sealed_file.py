"""A temporary file that nobody can read."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.storage import sealed_file
from appliance.storage.sealed_file import BLOCK_BYTES, TAG_BYTES, SealedFile, SealedFileUnusable

MARK = b"what nobody may read "


def on_disk(file: SealedFile) -> bytes:
    """What lies in the file, as whoever has the disk would read it."""
    descriptor = file._need_file()
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


@given(st.lists(st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=700)), max_size=30))
def test_it_is_like_any_file(tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, bytes]]) -> None:
    folder, like = tmp_path_factory.getbasetemp(), bytearray()
    with pytest.MonkeyPatch.context() as patch:
        # Small blocks, few of them in memory: everything goes through the disk many times.
        patch.setattr(sealed_file, "BLOCK_BYTES", 64)
        patch.setattr(sealed_file, "MOST_BLOCKS", 2)
        with SealedFile(folder) as file, file.open() as handle:
            for offset, content in writes:
                like.extend(bytes(max(0, offset + len(content) - len(like))))
                like[offset : offset + len(content)] = content
                handle.seek(offset)
                handle.write(content)
            assert file.size == len(like)
            assert file.read_at(0, len(like) + 10) == bytes(like)
            handle.seek(-min(50, len(like)), os.SEEK_END)
            assert handle.read() == bytes(like[-50:])


def test_nothing_in_clear_reaches_the_disk_and_nothing_has_a_name(tmp_path: Path) -> None:
    content = MARK * (20 * BLOCK_BYTES // len(MARK))
    with SealedFile(tmp_path) as file:
        file.write_at(0, content)
        found = on_disk(file)
        assert len(found) > 2 * BLOCK_BYTES
        assert MARK[:8] not in found
        # Equal blocks look different, so that nobody sees where a file repeats itself.
        sealed = BLOCK_BYTES + TAG_BYTES
        assert len({found[start : start + 64] for start in range(0, len(found), sealed)}) == len(found) // sealed
        assert list(tmp_path.iterdir()) == []
        assert file.read_at(0, len(content)) == content


def test_the_key_is_gone_with_the_file(tmp_path: Path) -> None:
    file = SealedFile(tmp_path)
    file.write_at(0, bytes(20 * BLOCK_BYTES))
    file.close()
    with pytest.raises(SealedFileUnusable, match="closed"):
        file.read_at(0, 1)


def test_what_another_program_changed_is_refused(tmp_path: Path) -> None:
    with SealedFile(tmp_path) as file:
        file.write_at(0, bytes(20 * BLOCK_BYTES))
        descriptor = file._need_file()
        first, second = (os.pread(descriptor, BLOCK_BYTES + TAG_BYTES, n * (BLOCK_BYTES + TAG_BYTES)) for n in (0, 1))
        os.pwrite(descriptor, second, 0)
        with pytest.raises(SealedFileUnusable, match="changed by another program"):
            file.read_at(0, 1)
        os.pwrite(descriptor, first, 0)
        assert file.read_at(0, 1) == b"\0"


def test_a_block_that_was_put_back_is_refused(tmp_path: Path) -> None:
    with SealedFile(tmp_path) as file:
        file.write_at(0, bytes(20 * BLOCK_BYTES))
        descriptor = file._need_file()
        before = os.pread(descriptor, BLOCK_BYTES + TAG_BYTES, 0)
        file.write_at(0, MARK)
        file.write_at(BLOCK_BYTES, bytes(19 * BLOCK_BYTES))
        os.pwrite(descriptor, before, 0)
        with pytest.raises(SealedFileUnusable, match="changed by another program"):
            file.read_at(0, 1)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SealedFileUnusable, match="No temporary file can be made in"):
        SealedFile(tmp_path / "absent")
