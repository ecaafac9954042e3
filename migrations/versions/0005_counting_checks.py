"""What people found when they checked a camera's count by eye."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counting_check",
        sa.Column("camera", sa.String, primary_key=True),
        sa.Column("checked", sa.Integer, primary_key=True),
        sa.Column("user", sa.String, nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("difference", sa.Float, nullable=False),
    )
