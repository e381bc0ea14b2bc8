"""The first case history."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "cases",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("trunk", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("callee", sa.String(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("answered_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=False),
        sa.Column("sip_code", sa.Integer(), nullable=True),
        sa.Column("transferred_to", sa.String(), nullable=False),
        sa.Column("customer_talk", sa.Double(), nullable=False),
        sa.Column("agent_talk", sa.Double(), nullable=False),
        sa.Column("silence", sa.Double(), nullable=False),
        sa.Column("overlap", sa.Double(), nullable=False),
        sa.Column("hold", sa.Double(), nullable=False),
        sa.Column("disposition", sa.String(), nullable=False),
        sa.Column("mood_start", sa.String(), nullable=False),
        sa.Column("mood_end", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_cases")),
        sa.UniqueConstraint("call_id", name=op.f("uq_cases_call_id")),
    )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.create_index("ix_cases_started_at", ["started_at"], unique=False)

    op.create_table(
        "counters",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_counters")),
    )
    op.create_table(
        "actions",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["cases.call_id"], name=op.f("fk_actions_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "seq", name=op.f("pk_actions")),
    )
    op.create_table(
        "alerts",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("raised_at", sa.Double(), nullable=False),
        sa.Column("cleared_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["cases.call_id"], name=op.f("fk_alerts_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "alert_id", name=op.f("pk_alerts")),
    )
    op.create_table(
        "cards",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("offer_id", sa.String(), nullable=False),
        sa.Column("card_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("say", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("offered_at", sa.Double(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("closed_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["cases.call_id"], name=op.f("fk_cards_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "offer_id", name=op.f("pk_cards")),
    )
    op.create_table(
        "checklist",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["cases.call_id"], name=op.f("fk_checklist_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "rule_id", name=op.f("pk_checklist")),
    )
    op.create_table(
        "lines",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("utterance_id", sa.String(), nullable=False),
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("t0", sa.Double(), nullable=False),
        sa.Column("t1", sa.Double(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["cases.call_id"], name=op.f("fk_lines_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "utterance_id", name=op.f("pk_lines")),
    )
    op.create_table(
        "moods",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("mood", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("trend", sa.Double(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["cases.call_id"], name=op.f("fk_moods_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "seq", name=op.f("pk_moods")),
    )
    op.create_table(
        "postings",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("retry_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["cases.call_id"], name=op.f("fk_postings_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "target", name=op.f("pk_postings")),
    )
    op.create_table(
        "summary_items",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["cases.call_id"], name=op.f("fk_summary_items_call_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("call_id", "position", name=op.f("pk_summary_items")),
    )
    op.create_table(
        "tags",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["cases.call_id"], name=op.f("fk_tags_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "kind", "value", name=op.f("pk_tags")),
    )
    with op.batch_alter_table("tags", schema=None) as batch_op:
        batch_op.create_index("ix_tags_value", ["value"], unique=False)


def downgrade() -> None:
    """Go back to the one before."""
    with op.batch_alter_table("tags", schema=None) as batch_op:
        batch_op.drop_index("ix_tags_value")

    op.drop_table("tags")
    op.drop_table("summary_items")
    op.drop_table("postings")
    op.drop_table("moods")
    op.drop_table("lines")
    op.drop_table("checklist")
    op.drop_table("cards")
    op.drop_table("alerts")
    op.drop_table("actions")
    op.drop_table("counters")
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_index("ix_cases_started_at")

    op.drop_table("cases")
