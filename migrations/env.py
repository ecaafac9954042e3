"""Alembic's entry point. The program hands its open, encrypted connection in; there is no other way to migrate."""

from alembic import context

from appliance.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # The caller's transaction holds all steps, so that a migration killed half-way leaves the old schema.
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
