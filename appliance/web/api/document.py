"""The OpenAPI 3.1 document, made from the application's routes and from the declarations beside them.

Shapes become JSON Schema by msgspec, which also reads the queries and writes the answers: what is described is what is
done.
"""

import inspect
import re
from typing import Any

import msgspec
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.routing.converters import AnyConverter, IntegerConverter

from appliance import __version__
from appliance.web.api.describing import PROBLEM, Operation, Problem, operation_of
from appliance.web.roles import PERMISSIONS, needed

REFERENCE = "#/components/schemas/{name}"
ABOUT = """\
Everything that the pages show, for other programs. Ask with a token, which `veilsight token add` makes: it has a \
role, and may ask for what that role may see. Numbers are as anonymous as on the pages: `margin` is the half width of \
a number's 95 % interval, and where `at_least` is true a part is withheld because it is small."""
ERRORS = {400: "The query is not as described.", 401: "No token, or none that is good.", 404: "There is no such thing."}


def describe(app: Flask, site: str) -> dict[str, Any]:
    """The document of the blueprint `api` of `app`."""
    rules = sorted((rule for rule in app.url_map.iter_rules() if is_described(rule)), key=lambda rule: rule.rule)
    operations = {rule.endpoint: operation_of(app.view_functions[rule.endpoint]) for rule in rules}
    shapes = [shape for each in operations.values() for shape in (each.answer, each.query) if shape is not None]
    _, schemas = msgspec.json.schema_components([Problem, *shapes], ref_template=REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Veilsight, {site}", "version": __version__, "description": ABOUT},
        "paths": {path_of(rule): {"get": _operation(app, rule, operations[rule.endpoint])} for rule in rules},
        "components": {
            "schemas": dict(schemas),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def is_described(rule: Rule) -> bool:
    return str(rule.endpoint).startswith("api.")


def path_of(rule: Rule) -> str:
    """The rule as OpenAPI writes it: /reports/{name}."""
    return re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule.rule)


def _operation(app: Flask, rule: Rule, operation: Operation) -> dict[str, Any]:
    view = app.view_functions[rule.endpoint]
    summary, _, description = (inspect.getdoc(view) or "").partition("\n\n")
    permission = needed(app, rule.endpoint)
    roles = ", ".join(role.value for role, permissions in PERMISSIONS.items() if permission in permissions)
    errors = [400] * bool(operation.query) + [401] + [404] * (operation.may_be_missing or bool(rule.arguments))
    content = {"schema": {"$ref": REFERENCE.format(name=operation.answer.__name__)}} if operation.answer else {}
    return {
        "operationId": rule.endpoint.removeprefix("api."),
        "summary": " ".join(summary.split()),
        "description": " ".join([*description.split(), f"For the roles {roles}."]),
        "parameters": [*_path_parameters(rule), *_query_parameters(operation)],
        "responses": {
            "200": {"description": "As asked for.", "content": dict.fromkeys(operation.media, content)},
            **{str(status): _error(ERRORS[status]) for status in errors},
            "403": _error("The token's role does not include this."),
        },
    }


def _error(description: str) -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(name=Problem.__name__)}
    return {"description": description, "content": {PROBLEM: {"schema": schema}}}


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(rule._converters[name])}
        for name in sorted(rule.arguments)
    ]


def _path_schema(converter: object) -> dict[str, Any]:
    if isinstance(converter, AnyConverter):
        return {"type": "string", "enum": sorted(converter.items)}
    if isinstance(converter, IntegerConverter):
        return {"type": "integer", "minimum": converter.min or 0, "maximum": converter.max}
    return {"type": "string", "minLength": 1}


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    _, schemas = msgspec.json.schema_components([operation.query], ref_template=REFERENCE)
    schema = schemas[operation.query.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": each.pop("description", ""),
            "schema": each,
        }
        for name, each in schema["properties"].items()
    ]
