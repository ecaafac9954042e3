"""Whether a camera's vehicles are counted by label too."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("camera", sa.Column("vehicle_labels", sa.Boolean, nullable=False, server_default=sa.false()))
