"""Tests of destinations that somebody asked for on the page: signed there, sent by the courier, with the outcome."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "destination_trial",
        sa.Column("destination", sa.String, primary_key=True),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("finished", sa.Integer),
        sa.Column("problem", sa.String, nullable=False, server_default=""),
    )
