"""The settings file that the package installs."""

from pathlib import Path

import msgspec

from appliance.settings import Settings, load_settings

SHIPPED = Path(__file__).resolve().parent.parent / "packaging" / "settings.toml"


def test_the_shipped_settings_are_the_defaults() -> None:
    assert load_settings(SHIPPED) == Settings()


def test_the_shipped_settings_name_every_field() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    for section in msgspec.structs.fields(Settings):
        assert f"[{section.name}]" in text
        if isinstance(section.type, type) and issubclass(section.type, msgspec.Struct):
            for field in msgspec.structs.fields(section.type):
                assert f"\n{field.name} = " in text
