"""What customers keyed in the survey after the call."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "survey_answers",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("question_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("low", sa.Integer(), nullable=False),
        sa.Column("high", sa.Integer(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["cases.call_id"], name="fk_survey_answers_call_id_cases", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("call_id", "question_id", name="pk_survey_answers"),
    )
    op.create_index("ix_survey_answers_kind", "survey_answers", ["kind"])
    # One by one and in place: a table that is made anew takes everything that hangs on it along.
    op.add_column("cases", sa.Column("survey", sa.String(), nullable=False, server_default=""))
    op.add_column("cases", sa.Column("survey_asked", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Go back."""
    op.drop_column("cases", "survey_asked")
    op.drop_column("cases", "survey")
    op.drop_table("survey_answers")
