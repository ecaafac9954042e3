"""Puts the folders that are not Python into `share/veilsight` of the environment; see appliance/resources.py.

All else is said in pyproject.toml, which can't name a folder with everything beneath it.
"""

from pathlib import Path

from setuptools import setup

RESOURCES = {"models": "*.toml", "migrations": "**/*", "templates": "**/*", "static": "**/*"}


def resource_files() -> list[tuple[str, list[str]]]:
    """Pairs of a folder under the environment and the files of this checkout that go there."""
    folders: dict[str, list[str]] = {}
    for folder, pattern in RESOURCES.items():
        for path in sorted(Path(folder).glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                folders.setdefault(f"share/veilsight/{path.parent.as_posix()}", []).append(path.as_posix())
    return sorted(folders.items())


setup(data_files=resource_files())
