"""Cameras have masks, a rate of analysis and RTSP's transport, and can be switched off."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("camera", sa.Column("masks", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("camera", sa.Column("rate", sa.Float))
    op.add_column("camera", sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("camera", sa.Column("transport", sa.String, nullable=False, server_default="tcp"))
