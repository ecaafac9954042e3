"""Each series' sum of a day, so that a page of five years need not read five years of buckets."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "day_sum",
        sa.Column("measure", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("direction", sa.String, primary_key=True),
        sa.Column("day_start", sa.Integer, primary_key=True),
        sa.Column("camera", sa.String, primary_key=True),
        sa.Column("place", sa.String, primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("variance", sa.Float, nullable=False),
        sa.Column("squares", sa.Float, nullable=False),
        sa.Column("observed", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "summed_day",
        sa.Column("start", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("end", sa.Integer, nullable=False),
        sa.Column("modes", sa.JSON, nullable=False),
        sa.Column("longest", sa.Integer, nullable=False),
    )
