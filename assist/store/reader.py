"""Cases out of the database, as plain records."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, func, select

from assist.errors import StoreError
from assist.store.schema import (
    actions,
    alerts,
    cards,
    cases,
    checklist,
    lines,
    moods,
    postings,
    score_items,
    scores,
    summary_items,
    survey_answers,
    tags,
)

Row = dict[str, Any]
_NEAR_AMONG: Final = 2000
_NEAR: Final = 5


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One case and everything that hangs on it; each row is a column-name-to-value mapping."""

    case: Row
    summary: tuple[Row, ...]
    lines: tuple[Row, ...]
    checklist: tuple[Row, ...]
    cards: tuple[Row, ...]
    tags: tuple[Row, ...]
    moods: tuple[Row, ...]
    alerts: tuple[Row, ...]
    actions: tuple[Row, ...]
    postings: tuple[Row, ...]
    scores: tuple[Row, ...] = ()
    """The score, if the call has one: at most one row."""
    score_items: tuple[Row, ...] = ()
    survey: tuple[Row, ...] = ()
    """What the customer keyed after the call."""


def list_cases(connection: Connection, *, limit: int, since: float | None = None) -> list[Row]:
    """The newest cases first, at most ``limit``, those begun at or after ``since`` (seconds UTC), with their tags."""
    query = select(cases).order_by(cases.c.started_at.desc(), cases.c.case_id.desc()).limit(limit)
    if since is not None:
        query = query.where(cases.c.started_at >= since)
    found = [dict(row) for row in connection.execute(query).mappings()]
    labels: dict[str, list[str]] = {row["call_id"]: [] for row in found}
    hung = select(tags.c.call_id, tags.c.label).where(tags.c.call_id.in_(labels)).order_by(tags.c.kind, tags.c.value)
    for call_id, label in connection.execute(hung):
        labels[call_id].append(label)
    return [{**row, "tags": labels[row["call_id"]]} for row in found]


def card_outcomes(connection: Connection) -> dict[str, dict[str, int]]:
    """By card id, over all cases: how often it was offered, taken, said, dismissed and found not useful."""
    found: dict[str, dict[str, int]] = {}
    by_outcome = select(cards.c.card_id, cards.c.outcome, func.count()).group_by(cards.c.card_id, cards.c.outcome)
    for card_id, outcome, times in connection.execute(by_outcome):
        counts = found.setdefault(card_id, {"offered": 0})
        counts["offered"] += times
        if outcome in ("taken", "said"):
            counts[outcome] = times
    pressed = (
        select(cards.c.card_id, actions.c.action, func.count())
        .join(actions, (actions.c.call_id == cards.c.call_id) & (actions.c.target == cards.c.offer_id))
        .where(actions.c.action.in_(("card_dismissed", "card_not_useful")))
        .group_by(cards.c.card_id, actions.c.action)
    )
    for card_id, action, times in connection.execute(pressed):
        found[card_id][action.removeprefix("card_")] = times
    return found


def read_case(connection: Connection, case_id: str) -> CaseFile:
    """The case with this id (small letters and a missing ``AP-`` are forgiven) or of this call.

    Raises:
        StoreError: there is none; the nearest ids are named.
    """
    wanted = case_id.strip()
    names = (wanted, wanted.upper(), f"AP-{wanted.upper()}")
    row = (
        connection.execute(select(cases).where(cases.c.case_id.in_(names) | (cases.c.call_id == wanted)))
        .mappings()
        .first()
    )
    if row is None:
        raise StoreError(_not_found(connection, wanted), retryable=False)
    case = dict(row)
    call_id = str(case["call_id"])
    return CaseFile(
        case=case,
        summary=_of(connection, summary_items, call_id, "position"),
        lines=_of(connection, lines, call_id, "t0", "t1"),
        checklist=_of(connection, checklist, call_id, "position"),
        cards=_of(connection, cards, call_id, "offered_at"),
        tags=_of(connection, tags, call_id, "kind", "value"),
        moods=_of(connection, moods, call_id, "seq"),
        alerts=_of(connection, alerts, call_id, "raised_at"),
        actions=_of(connection, actions, call_id, "seq"),
        postings=_of(connection, postings, call_id, "target"),
        scores=_of(connection, scores, call_id),
        score_items=_of(connection, score_items, call_id, "position"),
        survey=_of(connection, survey_answers, call_id, "at"),
    )


def _of(connection: Connection, table: Table, call_id: str, *order: str) -> tuple[Row, ...]:
    query = select(table).where(table.c.call_id == call_id).order_by(*(table.c[name] for name in order))
    return tuple(
        {name: value for name, value in row.items() if name != "call_id"}
        for row in connection.execute(query).mappings()
    )


def _not_found(connection: Connection, wanted: str) -> str:
    recent = select(cases.c.case_id).order_by(cases.c.started_at.desc()).limit(_NEAR_AMONG)
    known: Sequence[str] = [str(name) for name in connection.execute(recent).scalars()]
    near = difflib.get_close_matches(wanted.upper(), known, n=_NEAR, cutoff=0.5)
    if near:
        return f"no case {wanted!r}; nearest: {', '.join(near)}"
    return f"no case {wanted!r}; {'see: apuntador case list' if known else 'the history is empty'}"
