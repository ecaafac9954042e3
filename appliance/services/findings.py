"""What one check of `veilsight doctor` found, in English; sentences that know their message can be told in others."""

from dataclasses import dataclass
from typing import Any, Literal

from appliance.language import parts_of

State = Literal["fine", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """`note` is something to know that needs no mending, such as a program that isn't running."""

    check: str
    state: State
    text: str


def finding_json(finding: Finding) -> dict[str, Any]:
    """For the socket: the texts in English, and as `parts` what makes sentences of them again."""
    parts = {name: parts_of(getattr(finding, name)) for name in ("check", "text")}
    known = {name: each for name, each in parts.items() if each is not None}
    return {"check": str(finding.check), "state": finding.state, "text": str(finding.text), "parts": known}
