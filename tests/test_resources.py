"""The program's own files are found wherever it is installed."""

from pathlib import Path

import pytest

from appliance.resources import ResourceMissing, find_resource


def test_the_checkout_has_the_catalogue() -> None:
    assert find_resource("models", "catalogue.toml").is_file()


def test_the_environment_variable_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "catalogue.toml").write_text("")
    monkeypatch.setenv("VEILSIGHT_SHARE", str(tmp_path))
    assert find_resource("models", "catalogue.toml") == tmp_path / "models" / "catalogue.toml"
    # What the folder does not hold is still found in the next place.
    assert find_resource("setup.py").is_file()


def test_a_missing_file_is_one_sentence() -> None:
    with pytest.raises(ResourceMissing, match="no/such/thing is missing"):
        find_resource("no", "such", "thing")
