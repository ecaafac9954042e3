"""Counts say how they were made anonymous; each camera's last stored part of a bucket is known by its number."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OLD_KEY = ("bucket_start", "camera", "measure", "place", "kind", "direction", "bucket_seconds")
ONLY_BUCKETS = (
    "bucket_seconds BETWEEN 300 AND 3600 AND bucket_start % bucket_seconds = 0",
    "typeof(value) IN ('real', 'integer') AND typeof(variance) IN ('real', 'integer') AND variance >= 0",
    "kind IN ('', 'person', 'vehicle') AND mode IN ('differential', 'threshold', 'off')",
    "length(measure) <= 40 AND length(place) <= 130 AND length(direction) <= 20",
)


def upgrade() -> None:
    op.rename_table("measurement", "measurement_before")
    op.create_table(
        "measurement",
        sa.Column("bucket_start", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.String, primary_key=True) for name in OLD_KEY[1:-1]),
        sa.Column("bucket_seconds", sa.Integer, primary_key=True),
        sa.Column("mode", sa.String, primary_key=True),
        sa.Column("epsilon", sa.Float, primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("variance", sa.Float, nullable=False),
        *(sa.CheckConstraint(rule) for rule in ONLY_BUCKETS),
        sqlite_with_rowid=False,
    )
    # What is there was stored before there were modes, exact.
    columns = ", ".join(OLD_KEY)
    op.execute(
        f"INSERT INTO measurement ({columns}, mode, epsilon, value, variance) "  # noqa: S608 - names of our own
        f"SELECT {columns}, 'off', 0, value, 0 FROM measurement_before"
    )
    op.drop_table("measurement_before")
    op.create_table(
        "stored_part",
        sa.Column("camera", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
