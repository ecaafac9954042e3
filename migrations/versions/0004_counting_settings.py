"""How a camera is mounted, which regions it does not count, and whether it has a heat map."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("camera", sa.Column("ignored", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("camera", sa.Column("mounting", sa.String, nullable=False, server_default="oblique"))
    op.add_column("camera", sa.Column("heat_map", sa.Boolean, nullable=False, server_default=sa.false()))
