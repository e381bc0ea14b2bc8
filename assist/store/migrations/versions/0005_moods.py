"""Everything a mood tells, whose it is, and the cap a score is held at."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TEXTS = ("party", "emotion", "turn", "model")
_NUMBERS = ("intensity", "urgency", "effort")


def upgrade() -> None:
    """Go to this revision."""
    with op.batch_alter_table("moods") as batch:
        for name in _TEXTS:
            batch.add_column(sa.Column(name, sa.String(), nullable=False, server_default=""))
        for name in _NUMBERS:
            batch.add_column(sa.Column(name, sa.Double(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("probabilities", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("scores") as batch:
        batch.add_column(sa.Column("cap", sa.Double(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("scores") as batch:
        batch.drop_column("cap")
    with op.batch_alter_table("moods") as batch:
        for name in ("probabilities", *_NUMBERS, *_TEXTS):
            batch.drop_column(name)
