"""Scores in the case history: kept as scored, with what disputes won; listed for those who look after quality.

The session scores a call anew when a dispute is upheld, as long as the broker has the call (a week). The store gives
the points as well, so that an answer that comes later counts all the same; doing both changes nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from assist import quality
from assist.events import AgentDid, CallScored, Language, LeadDid, ScoreItem
from assist.quality import Dispute
from assist.store.rows import upsert
from assist.store.schema import actions, cases, score_items, scores

Row = dict[str, Any]
_MANY: Final = 500
"""Calls asked for in one statement: databases limit the parameters of one."""


def put_score(connection: Connection, event: CallScored) -> None:
    """Keep a scoring unless a newer one is kept already."""
    mine = scores.c.call_id == event.call_id
    newest = connection.execute(select(scores.c.revision).where(mine)).scalar_one_or_none()
    if newest is not None and event.revision < newest:
        return
    upsert(
        connection,
        scores,
        {"call_id": event.call_id},
        revision=event.revision,
        card=event.card,
        score=event.score,
        failed=list(event.failed),
        cap=event.cap,
        at=event.at,
    )
    connection.execute(delete(score_items).where(score_items.c.call_id == event.call_id))
    for position, item in enumerate(event.items):
        row = {**asdict(item), "evidence": list(item.evidence)}
        connection.execute(insert(score_items).values(call_id=event.call_id, position=position, **row))


def settle(connection: Connection, call_id: str) -> None:
    """Give the points that upheld disputes of the call won; doing it again changes nothing."""
    mine = scores.c.call_id == call_id
    cap = connection.execute(select(scores.c.cap).where(mine)).scalar_one_or_none()
    if cap is None:
        return
    found = disputes_of(connection, [call_id])[call_id]
    won = {one.item_id: one for one in found if one.state == "upheld"}
    spoken = connection.execute(select(cases.c.language).where(cases.c.call_id == call_id)).scalar_one()
    language: Language = "en" if spoken == "en" else "es"
    query = select(score_items).where(score_items.c.call_id == call_id).order_by(score_items.c.position)
    kept = [score_item(dict(row)) for row in connection.execute(query).mappings()]
    items = [
        quality.upheld(item, won[item.item_id], language) if item.item_id in won and item.points != item.of else item
        for item in kept
    ]
    if items == kept:
        return
    for old, new in zip(kept, items, strict=True):
        if old != new:
            row = (score_items.c.call_id == call_id) & (score_items.c.item_id == new.item_id)
            connection.execute(update(score_items).where(row).values(points=new.points, why=new.why))
    reached = {"score": quality.total(items, cap), "failed": list(quality.failed(items))}
    connection.execute(update(scores).where(mine).values(**reached))


def score_item(row: Row) -> ScoreItem:
    """An item as it was scored, from its row."""
    return ScoreItem(
        item_id=row["item_id"],
        label=row["label"],
        group=row["group"],
        critical=row["critical"],
        points=row["points"],
        of=row["of"],
        why=row["why"],
        evidence=tuple(row["evidence"]),
    )


def acts(rows: Sequence[Row], call_id: str = "") -> list[AgentDid | LeadDid]:
    """What people did about the score, from rows of ``actions``."""
    found: list[AgentDid | LeadDid] = []
    for row in rows:
        if row["action"] not in quality.ACTIONS:
            continue
        about = {"call_id": call_id, "at": row["at"], "seq": row["seq"], "target": row["target"], "text": row["text"]}
        if row["role"] == "agent":
            found.append(AgentDid(**about, agent_id=row["person"], action=row["action"]))
        else:
            found.append(LeadDid(**about, lead_id=row["person"], action=row["action"]))
    return found


def disputes_of(connection: Connection, call_ids: Sequence[str]) -> dict[str, tuple[Dispute, ...]]:
    """By call all disputes of its score; a call without any has none."""
    by_call: dict[str, list[Row]] = {call_id: [] for call_id in call_ids}
    for start in range(0, len(call_ids), _MANY):
        some = actions.c.call_id.in_(call_ids[start : start + _MANY])
        query = select(actions).where(some, actions.c.action.in_(quality.ACTIONS)).order_by(actions.c.seq)
        for row in connection.execute(query).mappings():
            by_call[str(row["call_id"])].append(dict(row))
    return {call_id: quality.disputes(acts(rows, call_id)) for call_id, rows in by_call.items()}


def list_scores(
    connection: Connection,
    *,
    limit: int,
    since: float | None = None,
    agent_id: str = "",
    below: float | None = None,
    critical: bool = False,
    disputed: bool = False,
) -> list[Row]:
    """The newest scored calls first, at most ``limit``.

    ``since`` (seconds UTC): begun at or after; ``below``: scores under it; ``critical``: only with a failed critical
    item; ``disputed``: only with a dispute that waits for an answer. Each row has the case's id, call, start, agent and
    queue, ``score``, ``card``, ``failed`` and ``disputes``.
    """
    query = (
        select(
            cases.c.case_id,
            cases.c.call_id,
            cases.c.started_at,
            cases.c.agent_id,
            cases.c.queue,
            scores.c.score,
            scores.c.card,
            scores.c.failed,
        )
        .join(scores, scores.c.call_id == cases.c.call_id)
        .order_by(cases.c.started_at.desc(), cases.c.case_id.desc())
    )
    if since is not None:
        query = query.where(cases.c.started_at >= since)
    if agent_id:
        query = query.where(cases.c.agent_id == agent_id)
    if below is not None:
        query = query.where(scores.c.score < below)
    if disputed:
        raised = select(actions.c.call_id).where(actions.c.action == quality.DISPUTED)
        query = query.where(cases.c.call_id.in_(raised))
    if not (critical or disputed):
        query = query.limit(limit)
    rows = [dict(row) for row in connection.execute(query).mappings() if row["failed"] or not critical]
    found = disputes_of(connection, [row["call_id"] for row in rows])
    rows = [{**row, "disputes": found[row["call_id"]]} for row in rows]
    if disputed:
        rows = [row for row in rows if any(one.state == "open" for one in row["disputes"])]
    return rows[:limit]
