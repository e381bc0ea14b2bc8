"""The score, what a summary's items are for a machine, the outcome and the draft message."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    with op.batch_alter_table("summary_items") as batch:
        for name in ("party", "value", "due"):
            batch.add_column(sa.Column(name, sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("cases") as batch:
        batch.add_column(sa.Column("outcome", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("message", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "scores",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("failed", sa.JSON(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["cases.call_id"], name="fk_scores_call_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", name="pk_scores"),
    )
    op.create_table(
        "score_items",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("group", sa.String(), nullable=False),
        sa.Column("critical", sa.Boolean(), nullable=False),
        sa.Column("points", sa.Double(), nullable=True),
        sa.Column("of", sa.Double(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["cases.call_id"], name="fk_score_items_call_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "position", name="pk_score_items"),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("score_items")
    op.drop_table("scores")
    with op.batch_alter_table("cases") as batch:
        batch.drop_column("message")
        batch.drop_column("outcome")
    with op.batch_alter_table("summary_items") as batch:
        for name in ("due", "value", "party"):
            batch.drop_column(name)
