"""Passwords that are good for one log-in, time-based codes as a second factor, and the codes for when they are lost."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user", sa.Column("password_expires", sa.Integer))
    op.add_column("user", sa.Column("totp_secret", sa.String, nullable=False, server_default=""))
    op.add_column("user", sa.Column("totp_used", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "user_recovery",
        sa.Column("user", sa.String, primary_key=True),
        sa.Column("code_hash", sa.LargeBinary(32), primary_key=True),
    )
