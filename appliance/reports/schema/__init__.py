"""The published JSON Schema (draft 2020-12) of a report's facts, for whoever reads them with a program."""

from pathlib import Path

SCHEMA = Path(__file__).with_name("report.schema.json")


def read_schema() -> str:
    return SCHEMA.read_text(encoding="utf-8")
