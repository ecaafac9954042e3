"""Which schedule built a report, and what its last verification found."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("report", sa.Column("schedule", sa.String, nullable=False, server_default=""))
    op.add_column("report", sa.Column("state", sa.String, nullable=False, server_default=""))
    op.add_column("report", sa.Column("checked", sa.Integer))
