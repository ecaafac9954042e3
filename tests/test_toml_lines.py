"""In which line of a TOML file a message's place is."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from appliance.settings import SettingsError, load_settings
from appliance.toml_lines import line_of, split_message

TEXT = """\
# First a comment
[site]
name = "x"

[[cameras]]
name = "a"
zones = [
  { name = "z", points = [[0,0],[1,0],
     [1,1]] },

  # between
  { nme = "y" },
]
text = '''
# not a comment
'''
after = 1
[[cameras]]
name = "b"
[[cameras.lines]]
name = "q"
frm = [0.1, 0.2]
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("site",), 2),
        (("site", "name"), 3),
        (("cameras", 0), 5),
        (("cameras", 0, "zones", 1, "nme"), 7),
        (("cameras", 0, "text"), 14),
        (("cameras", 0, "after"), 17),
        (("cameras", 1), 18),
        (("cameras", 1, "lines", 0, "frm"), 22),
        (("cameras", 1, "lines", 0, "lacks"), 20),
        (("lacks", "name"), None),
        ((), None),
    ],
)
def test_a_path_leads_to_the_line_where_its_statement_begins(path: tuple[str | int, ...], line: int | None) -> None:
    assert line_of(TEXT, path) == line


@given(some.lists(some.sampled_from(["", "# comment", "   "]), max_size=5), some.integers(0, 9))
def test_what_stands_before_moves_the_line_and_nothing_else(before: list[str], extra: int) -> None:
    lines = [*before, *(f"field{number} = {number}" for number in range(extra)), "wanted = [", "1,", "]"]
    text = "\n".join(lines)
    assert tomllib.loads(text)["wanted"] == [1]
    assert line_of(text, ("wanted", 0)) == len(before) + extra + 1


@pytest.mark.parametrize(
    ("message", "reason", "path"),
    [
        ("Expected `int`, got `str` - at `$.web.port`", "Expected `int`, got `str`", ("web", "port")),
        (
            "Object contains unknown field `nme` - at `$.alerts[2]`",
            "Object contains unknown field `nme`",
            ("alerts", 2, "nme"),
        ),
        ("Expected `str` - at `$.opening.exceptions[...]`", "Expected `str`", ("opening", "exceptions")),
        ("a reason without a place", "a reason without a place", ()),
    ],
)
def test_a_message_of_the_library_is_split(message: str, reason: str, path: tuple[str | int, ...]) -> None:
    assert split_message(message) == (reason, path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[web]\nport = 0\n", "line 2, web.port: Expected `int` >= 1."),
        ("[web]\n\nprot = 8443\n", "line 3, web.prot: Object contains unknown field `prot`."),
        ('[site]\nname = "x"\ntimezone = "Europe/Pari"\n', "line 3, site.timezone: there is no such time zone"),
        ('[[reports]]\nname = "a"\n', "line 1, reports[0]: the reports a need either every or cron"),
        ('x = "\n', "is not valid TOML: Illegal character '\\n' (at line 1, column 6)."),
    ],
)
def test_the_settings_file_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as told:
        load_settings(path)
    assert said in str(told.value)
