"""The first schema: counts, cameras, users, reports and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "site",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    op.create_table(
        "measurement",
        sa.Column("bucket_start", sa.Integer, primary_key=True),
        sa.Column("camera", sa.String, primary_key=True),
        sa.Column("measure", sa.String, primary_key=True),
        sa.Column("place", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("direction", sa.String, primary_key=True),
        sa.Column("bucket_seconds", sa.Integer, primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "camera",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("password", sa.String, nullable=False),
        sa.Column("loop", sa.Boolean, nullable=False),
        sa.Column("realtime", sa.Boolean, nullable=False),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("zones", sa.JSON, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
    )
    op.create_table(
        "user",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("password_hash", sa.String, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
    )
    create_report_tables()
    create_audit_tables()


def create_report_tables() -> None:
    op.create_table(
        "report",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("first_day", sa.String, nullable=False),
        sa.Column("last_day", sa.String, nullable=False),
        sa.Column("built", sa.Integer, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("byte_count", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("checkpoint", sa.Text, nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column("report", sa.String, primary_key=True),
        sa.Column("destination", sa.String, primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt", sa.Integer),
        sa.Column("delivered", sa.Integer),
        sa.Column("last_error", sa.String, nullable=False),
    )


def create_audit_tables() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("entry", sa.Text, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
    )
    for field in ("action", "time"):
        op.execute(f"CREATE INDEX audit_entry_{field} ON audit_entry (json_extract(entry, '$.{field}'))")
    op.create_table(
        "audit_node",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("signed", sa.Integer, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
