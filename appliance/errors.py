"""Errors that a user can act on.

Every failure that a user can cause or mend is a `VeilsightError` whose message is one clear sentence: what, where,
what to do. The command line prints the sentence on standard error and ends with the error's exit code; anything
else that escapes is a defect of ours.
"""

from typing import ClassVar


class VeilsightError(Exception):
    """Something failed; the message is the sentence the user reads.

    A sentence that pages show in other languages is marked for translation (`appliance.language.marked`), with places
    such as `%(name)s` for `values`.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", /, **values: object) -> None:
        super().__init__(message % values if values else message)
        self.message = message
        self.values = values


class UsageError(VeilsightError):
    """The user asked for something that makes no sense, such as a line outside the picture."""

    exit_code: ClassVar[int] = 2
