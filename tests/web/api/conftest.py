"""A program with a token, that asks the API of a site in a temporary directory."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from appliance.storage import tokens
from appliance.storage.users import Role
from appliance.web.context import WebContext
from tests.web.conftest import new_client

Ask = Callable[..., TestResponse]


@pytest.fixture
def ask(app: Flask, context: WebContext) -> Ask:
    """Asks at an address of the API with a token of `role`, an administrator's by default."""
    secrets: dict[Role, str] = {}

    def get(address: str, role: Role = Role.ADMINISTRATOR, **options: object) -> TestResponse:
        if role not in secrets:
            now = context.clock()
            with context.engine.begin() as connection:
                secrets[role] = tokens.add(connection, f"till as {role}", role, now + timedelta(days=30), now)
        headers = {"Authorization": f"Bearer {secrets[role]}"}
        return new_client(app).open(f"/api/v1/{address}", headers=headers, **options)

    return get
