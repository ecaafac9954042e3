"""The settings of anonymity: what is allowed, and what is said about what isn't."""

from datetime import date, time
from pathlib import Path

import pytest

from appliance.settings import SettingsError, find_paths, load_settings


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_counts_are_noisy_and_buckets_a_quarter_of_an_hour_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "none.toml")
    assert (settings.anonymity.mode, settings.anonymity.epsilon, settings.anonymity.k) == ("differential", 2.0, 5)
    assert settings.analysis.bucket_minutes == 15


@pytest.mark.parametrize(
    "text",
    [
        "epsilon = 0.1",
        "epsilon = 8",
        'mode = "threshold"\nk = 10',
        'mode = "off"\nreason = "Counting check of the installer"',
    ],
)
def test_what_is_allowed(tmp_path: Path, text: str) -> None:
    load_settings(settings_file(tmp_path, f"[anonymity]\n{text}\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epsilon = 0.09", "epsilon"),
        ("epsilon = 8.1", "epsilon"),
        ("epsilon = nan", "epsilon"),
        ("k = 1", "k"),
        ('mode = "none"', "mode"),
        ('mode = "off"', "reason"),
        ('mode = "off"\nreason = "   because   "', "reason"),
    ],
)
def test_what_is_not(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(settings_file(tmp_path, f"[anonymity]\n{text}\n"))


@pytest.mark.parametrize("minutes", [0, 1, 4, 7, 61, 90])
def test_buckets_that_are_too_short_too_long_or_off_the_hour_are_refused(tmp_path: Path, minutes: int) -> None:
    with pytest.raises(SettingsError, match="bucket_minutes"):
        load_settings(settings_file(tmp_path, f"[analysis]\nbucket_minutes = {minutes}\n"))


@pytest.mark.parametrize("minutes", [5, 6, 10, 12, 15, 20, 30, 60])
def test_buckets_from_five_minutes_to_an_hour_are_allowed(tmp_path: Path, minutes: int) -> None:
    settings = load_settings(settings_file(tmp_path, f"[analysis]\nbucket_minutes = {minutes}\n"))
    assert settings.analysis.bucket_minutes == minutes


def test_the_copy_of_open_buckets_lies_where_programs_or_the_person_have_memory(tmp_path: Path) -> None:
    assert find_paths({"VEILSIGHT_RUN": "/run/veilsight"}, tmp_path).memory == Path("/run/veilsight/open")
    at_terminal = find_paths({"XDG_RUNTIME_DIR": "/run/user/7"}, tmp_path).memory
    assert at_terminal is not None
    assert at_terminal.parent == Path("/run/user/7")
    without = find_paths({}, tmp_path).memory
    assert without is not None
    assert without.parent == Path("/dev/shm")
    assert find_paths({}, tmp_path / "other").memory != without


def test_opening_hours_have_exceptions_by_date(tmp_path: Path) -> None:
    text = '[opening]\nmonday = ["14:00-19:00", "09:00-12:00"]\n[opening.exceptions]\n2026-12-28 = []\n'
    opening = load_settings(settings_file(tmp_path, text)).opening
    assert opening is not None
    assert opening.spans(date(2026, 12, 21)) == ((time(9), time(12)), (time(14), time(19)))
    assert opening.spans(date(2026, 12, 28)) == opening.spans(date(2026, 12, 22)) == ()


@pytest.mark.parametrize("span", ["9-19", "09:00", "25:00-26:00", "09:00-19:00-20:00", "09:60-10:00"])
def test_opening_hours_that_are_no_times_are_refused(tmp_path: Path, span: str) -> None:
    with pytest.raises(SettingsError, match="opening hours are written like"):
        load_settings(settings_file(tmp_path, f'[opening]\nmonday = ["{span}"]\n'))


@pytest.mark.parametrize("spans", ['"09:00-12:00", "11:00-19:00"', '"18:00-02:00", "20:00-22:00"'])
def test_opening_hours_that_overlap_are_refused(tmp_path: Path, spans: str) -> None:
    with pytest.raises(SettingsError, match="overlap"):
        load_settings(settings_file(tmp_path, f"[opening]\nmonday = [{spans}]\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "full"', "needs people"),
        ('name = "full"\ncamera = "door"\npeople = 3', "both a camera and a zone"),
        ('name = "full"\nwaiting_seconds = 3', "needs a camera and a zone"),
        ('name = "full"\npeople = 3\ndestination = "pager"', "no destination"),
    ],
)
def test_an_alert_that_could_never_be_raised_or_sent_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(settings_file(tmp_path, f"[[alerts]]\n{text}\n"))
