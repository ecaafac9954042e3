"""What people wrote about each camera for the record: its place, what it sees, and where signs tell of it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "camera_record",
        sa.Column("camera", sa.String, primary_key=True),
        sa.Column("location", sa.String, nullable=False),
        sa.Column("field_of_view", sa.String, nullable=False),
        sa.Column("signs", sa.String, nullable=False),
        sa.Column("signs_seen", sa.String, nullable=False),
        sa.Column("changed", sa.Integer, nullable=False),
    )
