"""What each user may do. Those who were there before could do everything, and still can."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a role nothing may be opened: a row that somehow lacks one lets nobody in.
    op.add_column("user", sa.Column("role", sa.String, nullable=False, server_default=""))
    op.execute("UPDATE user SET role = 'administrator'")
