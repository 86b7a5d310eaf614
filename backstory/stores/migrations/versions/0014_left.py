"""When a recalled block stopped going up with its message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("injections", sa.Column("left_at", sa.Float(53), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("injections", "left_at")
