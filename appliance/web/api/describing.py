"""What an operation of the API takes and gives, declared beside it: the OpenAPI document is made of nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import msgspec
from flask import Response, request
from werkzeug.exceptions import BadRequest

P = ParamSpec("P")
R = TypeVar("R")
Q = TypeVar("Q", bound=msgspec.Struct)

DECLARATION = "veilsight_operation"
JSON = "application/json"
PROBLEM = "application/problem+json"
# Moments beyond these are a slip of the pen, and may not be computed with.
FIRST_YEAR, LAST_YEAR = 2000, 2999


@dataclass(frozen=True)
class Operation:
    """`answer` is a JSON answer's shape, None for files; `media` are its types; `query` has a field a parameter.

    `may_be_missing` says that what the query names may not be there; what the path names always may not.
    """

    answer: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    media: tuple[str, ...] = (JSON,)
    may_be_missing: bool = False


class Problem(msgspec.Struct, frozen=True):
    """What went wrong, after RFC 9457."""

    title: str
    status: int
    detail: str


def describes(operation: Operation) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare what a view function takes and gives."""

    def declare(view: Callable[P, R]) -> Callable[P, R]:
        setattr(view, DECLARATION, operation)
        return view

    return declare


def operation_of(view: Callable[..., object]) -> Operation:
    found = getattr(view, DECLARATION)
    assert isinstance(found, Operation)  # noqa: S101 - a test asks for every route
    return found


def read_query(shape: type[Q]) -> Q:
    """The request's query, checked. Raises `BadRequest` with a sentence."""
    try:
        query = msgspec.convert(request.args.to_dict(), shape, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(f"{error}.") from error
    for name in shape.__struct_fields__:
        year = getattr(getattr(query, name), "year", FIRST_YEAR)
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise BadRequest(f"The year of `{name}` is not between {FIRST_YEAR} and {LAST_YEAR}.")
    return query


def answer(content: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(content), mimetype=JSON)


def problem(status: int, title: str, detail: str) -> Response:
    return Response(msgspec.json.encode(Problem(title, status, detail)), status=status, content_type=PROBLEM)
