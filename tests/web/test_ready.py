"""What the program does as it starts, so that nobody who opens a page first waits for it."""

import gc

from flask import Flask

from appliance.web.application import make_ready
from tests.web.conftest import new_client


def test_no_page_waits_for_its_template(app: Flask) -> None:
    try:
        make_ready(app)
        compiled: list[str] = []
        compile_template = app.jinja_env.compile
        app.jinja_env.compile = lambda *given, **named: (  # type: ignore[method-assign,assignment]
            compiled.append(str(given)) or compile_template(*given, **named)
        )
        assert new_client(app).get("/login", base_url="https://localhost").status_code == 200
        assert compiled == []
        assert len(app.jinja_env.list_templates(extensions=["html"])) > 30
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
