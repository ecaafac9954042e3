"""Alerts that wait to be sent: which limit, and whether it is reached; no count."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_waiting",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("destination", sa.String, nullable=False),
        sa.Column("reached", sa.Boolean, nullable=False),
        sa.Column("queued", sa.Integer, nullable=False),
    )
