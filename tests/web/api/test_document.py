"""The API does what its own description says, whatever is asked."""

from datetime import timedelta

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from appliance.storage import tokens
from appliance.storage.users import Role
from appliance.web.api.describing import DECLARATION
from appliance.web.context import WebContext
from appliance.web.roles import Permission, needed

EXAMPLES = 5


@pytest.fixture
def token(context: WebContext) -> str:
    now = context.clock()
    with context.engine.begin() as connection:
        return tokens.add(connection, "schemathesis", Role.ADMINISTRATOR, now + timedelta(days=1), now)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_operation_answers_as_described(app: Flask, token: str, mode: GenerationMode) -> None:
    """What the description allows and forbids is asked; answers must be described, and without a token be refused."""
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, headers=headers)
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        asked += 1
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.path_parameters):
            continue

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            # A period that ends before it begins is refused, which JSON Schema has no way to say.
            case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

        ask()
    assert asked >= 10


def test_every_route_is_described_and_only_reads(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")]
    assert len(rules) >= 11
    for rule in rules:
        assert rule.methods == {"GET", "HEAD", "OPTIONS"}
        assert hasattr(app.view_functions[rule.endpoint], DECLARATION)
        assert isinstance(needed(app, rule.endpoint), Permission)
