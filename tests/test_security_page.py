"""What docs/security.md claims is tested where it says."""

import re

from tests.conftest import REPOSITORY

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_test_that_is_named_is_there() -> None:
    rows = [
        line
        for line in (REPOSITORY / "docs" / "security.md").read_text("utf-8").partition("## Met")[2].splitlines()
        if re.match(r"\| (\d|\N{EN DASH})", line)
    ]
    assert len(rows) >= 60
    for row in rows:
        named = NAMED.search(row)
        assert named, row
        assert re.search(rf"^def {named[2]}\(", (REPOSITORY / named[1]).read_text("utf-8"), re.MULTILINE), row
