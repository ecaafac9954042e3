"""Every pair of colours that text is set in can be read: contrast after WCAG 2.2, criteria 1.4.3 and 1.4.11."""

import re
from collections.abc import Mapping
from itertools import product

import pytest

from appliance.resources import find_resource

TEXT = 4.5
GRAPHIC = 3.0
PAIRS = [
    *((ink, ground, TEXT) for ink, ground in product(("ink", "muted"), ("page", "surface", "sunken"))),
    *((ink, ground, TEXT) for ink, ground in product(("accent",), ("page", "surface", "accent-soft"))),
    *((name, f"{name}-soft", TEXT) for name in ("good", "warn", "bad")),
    *(("ink", f"{name}-soft", TEXT) for name in ("good", "warn", "bad", "accent")),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-hover", TEXT),
    ("muted", "accent-soft", TEXT),
    ("out", "surface", GRAPHIC),
    ("border-strong", "surface", GRAPHIC),
]


def themes() -> list[Mapping[str, str]]:
    """Light, dark as chosen, dark as the system's."""
    blocks = re.findall(r":root[^{]*\{([^}]*color-scheme[^}]*)\}", find_resource("static", "tokens.css").read_text())
    return [dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6})", block)) for block in blocks]


def luminance(color: str) -> float:
    channels = [int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_dark_is_the_same_whoever_chooses_it() -> None:
    light, chosen, system = themes()
    assert chosen == system
    assert chosen.keys() == light.keys()


@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast(theme: int, ink: str, ground: str, least: float) -> None:
    colors = themes()[theme]
    assert contrast(colors[ink], colors[ground]) >= least
