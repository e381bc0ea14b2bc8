"""Which playbook judged a call, and what the customer said to a question for consent."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    with op.batch_alter_table("cases") as batch:
        batch.add_column(sa.Column("playbook", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("playbook_version", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("checklist") as batch:
        batch.add_column(sa.Column("consent", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("checklist") as batch:
        batch.drop_column("consent")
    with op.batch_alter_table("cases") as batch:
        batch.drop_column("playbook_version")
        batch.drop_column("playbook")
