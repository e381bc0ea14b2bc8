"""The recognised words beside a line's text, and what was changed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    with op.batch_alter_table("lines") as batch:
        batch.add_column(sa.Column("spoken", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("changes", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("lines") as batch:
        batch.drop_column("changes")
        batch.drop_column("spoken")
