"""Tables of the case history. Times are seconds UTC, evidence a JSON list of utterance ids.

Every table but ``cases`` and ``counters`` hangs on a call and goes with it. Keys are the events' own names for
things, so that writing an event twice changes nothing.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


def _call() -> Column[str]:
    return Column("call_id", String, ForeignKey("cases.call_id", ondelete="CASCADE"), primary_key=True)


cases: Final = Table(
    "cases",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("call_id", String, nullable=False, unique=True),
    Column("status", String, nullable=False),  # open | closed
    Column("language", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("trunk", String, nullable=False),
    Column("queue", String, nullable=False),
    Column("agent_id", String, nullable=False),
    Column("caller", String, nullable=False),
    Column("callee", String, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("answered_at", Double),
    Column("ended_at", Double),
    Column("end_reason", String, nullable=False),
    Column("sip_code", Integer),
    Column("transferred_to", String, nullable=False),
    Column("customer_talk", Double, nullable=False),
    Column("agent_talk", Double, nullable=False),
    Column("silence", Double, nullable=False),
    Column("overlap", Double, nullable=False),
    Column("hold", Double, nullable=False),
    Column("disposition", String, nullable=False),
    Column("mood_start", String, nullable=False),
    Column("mood_end", String, nullable=False),
    Column("outcome", String, nullable=False, server_default=""),
    Column("message", Text, nullable=False, server_default=""),  # draft to the customer
    Column("revision", Integer, nullable=False),  # of the summary; 0 before the first
    Column("closed_at", Double),
    Column("playbook", String, nullable=False, server_default=""),
    Column("playbook_version", String, nullable=False, server_default=""),  # fingerprint of its text
    Column("survey", String, nullable=False, server_default=""),  # outcome; empty: nobody was asked
    Column("survey_asked", Integer, nullable=False, server_default="0"),  # questions
    Index("ix_cases_started_at", "started_at"),
)

lines: Final = Table(
    "lines",
    metadata,
    _call(),
    Column("utterance_id", String, primary_key=True),
    Column("party", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("t0", Double, nullable=False),
    Column("t1", Double, nullable=False),
    Column("language", String, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("spoken", Text, nullable=False, server_default=""),  # recognised words, where the text differs
    Column("changes", JSON, nullable=False, server_default="[]"),  # as in Heard.changes
)

moods: Final = Table(
    "moods",
    metadata,
    _call(),
    Column("seq", BigInteger, primary_key=True),
    Column("at", Double, nullable=False),
    Column("mood", String, nullable=False),
    Column("score", Double, nullable=False),
    Column("trend", Double, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("party", String, nullable=False, server_default=""),
    Column("emotion", String, nullable=False, server_default=""),
    Column("turn", String, nullable=False, server_default=""),  # none | better | worse
    Column("model", String, nullable=False, server_default=""),
    Column("intensity", Double, nullable=False, server_default="0"),
    Column("urgency", Double, nullable=False, server_default="0"),
    Column("effort", Double, nullable=False, server_default="0"),
    Column("probabilities", JSON, nullable=False, server_default="[]"),  # of negative, neutral, positive
)

cards: Final = Table(
    "cards",
    metadata,
    _call(),
    Column("offer_id", String, primary_key=True),
    Column("card_id", String, nullable=False),
    Column("title", String, nullable=False),
    Column("say", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("offered_at", Double, nullable=False),
    Column("outcome", String, nullable=False),  # empty while on the screen
    Column("closed_at", Double),
)

checklist: Final = Table(
    "checklist",
    metadata,
    _call(),
    Column("rule_id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("label", String, nullable=False),
    Column("state", String, nullable=False),
    Column("due_at", Double),
    Column("at", Double, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("consent", String, nullable=False, server_default=""),  # asked | given | refused
)

tags: Final = Table(
    "tags",
    metadata,
    _call(),
    Column("kind", String, primary_key=True),
    Column("value", String, primary_key=True),
    Column("label", String, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("evidence", JSON, nullable=False),
    Index("ix_tags_value", "value"),
)

summary_items: Final = Table(
    "summary_items",
    metadata,
    _call(),
    Column("position", Integer, primary_key=True),
    Column("slot", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("party", String, nullable=False, server_default=""),
    Column("value", String, nullable=False, server_default=""),
    Column("due", String, nullable=False, server_default=""),
)

scores: Final = Table(
    "scores",
    metadata,
    _call(),
    Column("revision", Integer, nullable=False),
    Column("card", String, nullable=False),
    Column("score", Double),  # null when no item of the card applied
    Column("failed", JSON, nullable=False),  # ids of the critical items that failed
    Column("at", Double, nullable=False),
    Column("cap", Double, nullable=False, server_default="0"),  # most a call scores with a failed critical item
)

score_items: Final = Table(
    "score_items",
    metadata,
    _call(),
    Column("position", Integer, primary_key=True),
    Column("item_id", String, nullable=False),
    Column("label", String, nullable=False),
    Column("group", String, nullable=False),
    Column("critical", Boolean, nullable=False),
    Column("points", Double),  # null when the call gave no occasion
    Column("of", Double, nullable=False),
    Column("why", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
)

alerts: Final = Table(
    "alerts",
    metadata,
    _call(),
    Column("alert_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("raised_at", Double, nullable=False),
    Column("cleared_at", Double),
)

actions: Final = Table(
    "actions",
    metadata,
    _call(),
    Column("seq", BigInteger, primary_key=True),
    Column("at", Double, nullable=False),
    Column("role", String, nullable=False),  # agent | lead
    Column("person", String, nullable=False),
    Column("action", String, nullable=False),  # what the person did, or a state of EarsChanged (target: its reason)
    Column("target", String, nullable=False),
    Column("text", Text, nullable=False),
)

survey_answers: Final = Table(
    "survey_answers",
    metadata,
    _call(),
    Column("question_id", String, primary_key=True),
    Column("kind", String, nullable=False),  # csat | nps | ces
    Column("low", Integer, nullable=False),
    Column("high", Integer, nullable=False),
    Column("score", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Index("ix_survey_answers_kind", "kind"),
)

postings: Final = Table(
    "postings",
    metadata,
    _call(),
    Column("target", String, primary_key=True),
    Column("reference", String, nullable=False),  # empty until the target took the case
    Column("detail", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("retry_at", Double),
)

counters: Final = Table(
    "counters",
    metadata,
    Column("day", String, primary_key=True),  # YYYYMMDD in the call centre's time zone
    Column("last", Integer, nullable=False),
)
