"""What the package brings besides the program: the settings file, the manual page, completion, profiles, the guide."""

import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.cli.main import build_parser
from appliance.services.site_file import CameraEntry, UserEntry, read_site_file
from appliance.settings import Settings, load_settings
from tests.conftest import REPOSITORY

PACKAGING = REPOSITORY / "packaging"
SHIPPED = PACKAGING / "settings.toml"
GUIDE = REPOSITORY / "docs" / "operators-guide.md"
PROGRAMS = ("engine", "web", "courier", "redactor", "searcher")
# The exposure that systemd computes, from 0 (confined) to 10: at most this. The engine needs cameras and accelerators.
EXPOSURE = {"engine": 2.5, "web": 1.5, "courier": 1.5, "redactor": 1.5, "searcher": 1.5}


def test_the_shipped_settings_are_the_defaults() -> None:
    assert load_settings(SHIPPED) == Settings()


def test_the_shipped_settings_name_every_field() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    for section in msgspec.structs.fields(Settings):
        assert f"[{section.name}]" in text
        if isinstance(section.type, type) and issubclass(section.type, msgspec.Struct):
            for field in msgspec.structs.fields(section.type):
                assert f"\n{field.name} = " in text


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a file system with the manual page and completion, as the package's build makes them."""
    folder = tmp_path_factory.mktemp("described")
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "SOURCE_DATE_EPOCH": "1790000000"}
    subprocess.run([sys.executable, PACKAGING / "describe", folder], env=environment, check=True)
    return folder


def manual(described: Path) -> str:
    return gzip.decompress((described / "usr/share/man/man8/veilsight.8.gz").read_bytes()).decode("utf-8")


def test_the_manual_page_has_every_command(described: Path) -> None:
    text = manual(described).replace("\\-", "-")
    (commands,) = (each for each in build_parser()._actions if each.dest == "==SUPPRESS==" and each.choices)
    assert len(commands.choices) > 15
    for name in commands.choices:
        assert f"veilsight {name}" in text
    for heading in ("SYNOPSIS", "OPTIONS", "COMMANDS", "SERVICES", "FILES", "EXIT STATUS", "EXAMPLES"):
        assert re.search(rf"^\.SH\s{heading}$", text, re.MULTILINE)
    assert '"8" "2026-09-21"' in text


def test_the_manual_page_can_be_formatted(described: Path) -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed (packaging/apt-test.txt)")
    command = ["groff", "-man", "-Tutf8", "-ww"]
    done = subprocess.run(command, input=manual(described), capture_output=True, text=True, check=True)
    assert "keep no picture of anyone" in re.sub(r"\x1b\[\d*m|\s+", " ", done.stdout).replace("  ", " ")
    # A line of usage that can't be folded is the only thing that may be complained of.
    assert [line for line in done.stderr.splitlines() if "cannot adjust line" not in line] == []


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("cam",), {"camera"}),
        (("camera", "li"), {"list", "line"}),
        (("camera", "line", ""), {"add", "remove"}),
        (("camera", "add", "--tr"), {"--transport"}),
        (("camera", "add", "--transport", ""), {"tcp", "udp"}),
        (("user", "role", "anna", "man"), {"manager"}),
        (("site", "check", "FOLDER/si"), {"FOLDER/site.toml"}),
        (("report", "verify", "FOLDER/re"), {"FOLDER/report.pdf"}),
    ],
)
def test_bash_completes(described: Path, tmp_path: Path, words: tuple[str, ...], offered: set[str]) -> None:
    for name in ("site.toml", "report.pdf"):
        (tmp_path / name).touch()
    script = """
        source "$1"; shift
        COMP_WORDS=(veilsight "$@"); COMP_CWORD=$#; COMPREPLY=()
        $(complete -p veilsight | sed -E 's/.*-F ([^ ]+).*/\\1/')
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    typed = [word.replace("FOLDER", str(tmp_path)) for word in words]
    path = described / "usr/share/bash-completion/completions/veilsight"
    done = subprocess.run(["bash", "-c", script, "bash", path, *typed], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {each.replace("FOLDER", str(tmp_path)) for each in offered}


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_units_are_well_confined(program: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    unit = PACKAGING / "systemd" / f"veilsight-{program}.service"
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={EXPOSURE[program] * 10:g}"]
    done = subprocess.run([*command, unit], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]


def test_each_program_has_a_profile_that_the_parser_takes_to_be_enforced() -> None:
    profiles = PACKAGING / "apparmor" / "veilsight"
    text = profiles.read_text(encoding="utf-8")
    assert "complain" not in text
    for program in PROGRAMS:
        unit = (PACKAGING / "systemd" / f"veilsight-{program}.service").read_text(encoding="utf-8")
        assert f"\nAppArmorProfile=-veilsight-{program}\n" in unit
        assert f"\nprofile veilsight-{program} " in text
    if shutil.which("apparmor_parser") is None:
        pytest.skip("apparmor_parser is not installed (packaging/apt-test.txt)")
    command = ["apparmor_parser", "--skip-kernel-load", "--skip-cache", "--names", profiles]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {f"veilsight-{program}" for program in PROGRAMS}


def test_the_guides_site_file_can_be_applied_and_its_fields_are_described(tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    path = tmp_path / "site.toml"
    path.write_text(example, encoding="utf-8")
    path.chmod(0o600)
    assert [camera.name for camera in read_site_file(path).cameras] == ["entrance"]
    assert set(described_fields(text)) >= set(fields_of_entries())


def described_fields(text: str) -> Iterator[str]:
    for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE):
        yield from re.findall(r"`(?:\[\[\w+\.)?\[*(\w+)\]*`", row)


def fields_of_entries() -> Iterator[str]:
    for entry in (UserEntry, CameraEntry):
        yield from entry.__struct_fields__
