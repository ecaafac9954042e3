"""The floor plan that somebody drew: lines, areas and names, and where the cameras' floors lie on it. No picture."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "floor_plan",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("changed", sa.Integer, nullable=False),
        sa.CheckConstraint("number = 1"),
        sa.CheckConstraint("typeof(plan) = 'text' AND length(plan) <= 60000 AND json_valid(plan)"),
    )
