"""Audit: what people and programs did, and whether the log is whole."""

from flask import Blueprint
blueprint = Blueprint("audit", __name__)

@blueprint.get("/audit")
def show() -> str: ...
@blueprint.post("/audit/verify")
def verify_now() -> str: ...
@blueprint.get("/audit/checkpoint")
def checkpoint() -> str: ...
