"""What one check of `veilsight doctor` found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["fine", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """`note` is something to know that needs no mending, such as a program that isn't running."""

    check: str
    state: State
    text: str
