"""Events into rows, one transaction an event. Writes are keyed by the events' own names: twice is as good as once."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, insert, select, update

from assist import quality
from assist.events import (
    AgentDid,
    AlertCleared,
    AlertRaised,
    CallAnswered,
    CallEnded,
    CallRinging,
    CallScored,
    CallStarted,
    CallTransferred,
    CardOffered,
    CardWithdrawn,
    CasePosted,
    CasePostFailed,
    ComplianceChanged,
    EarsChanged,
    Event,
    Heard,
    LeadDid,
    MetricsChanged,
    PlaybookChosen,
    SentimentChanged,
    SummaryDrafted,
    SurveyAnswered,
    SurveyEnded,
    TagsChanged,
)
from assist.store.rows import upsert
from assist.store.schema import (
    actions,
    alerts,
    cards,
    cases,
    checklist,
    counters,
    lines,
    moods,
    postings,
    summary_items,
    survey_answers,
    tags,
)
from assist.store.scores import put_score, settle

_KEPT: Final = (
    CallStarted,
    CallRinging,
    CallAnswered,
    CallTransferred,
    CallEnded,
    Heard,
    SentimentChanged,
    CardOffered,
    CardWithdrawn,
    ComplianceChanged,
    TagsChanged,
    MetricsChanged,
    PlaybookChosen,
    SummaryDrafted,
    CallScored,
    AlertRaised,
    AlertCleared,
    AgentDid,
    LeadDid,
    EarsChanged,
    SurveyAnswered,
    SurveyEnded,
    CasePosted,
    CasePostFailed,
)


@dataclass(frozen=True, slots=True)
class Saved:
    """A case whose summary was committed."""

    case_id: str
    revision: int


def keeps(event: Event) -> bool:
    """Whether the case history has a place for this event."""
    return bool(event.call_id) and isinstance(event, _KEPT) and not (isinstance(event, Heard) and not event.final)


def write(connection: Connection, event: Event, zone: ZoneInfo) -> Saved | None:
    """Put ``event`` into the history; ``zone`` tells the day a new case is counted in.

    Returns:
        The case, when ``event`` is a summary that is now the case's newest.
    """
    if not keeps(event):
        return None
    case_id = _case(connection, event, zone)
    if isinstance(event, SummaryDrafted):
        return _summary(connection, event, case_id)
    _put(connection, event)
    return None


def _case(connection: Connection, event: Event, zone: ZoneInfo) -> str:
    known = connection.execute(select(cases.c.case_id).where(cases.c.call_id == event.call_id)).scalar_one_or_none()
    if known is not None:
        return str(known)
    case_id = _next_id(connection, event.at, zone)
    connection.execute(
        insert(cases).values(
            case_id=case_id,
            call_id=event.call_id,
            status="open",
            # What CallStarted tells is put in with it; a call whose beginning was lost keeps what is known of it.
            language=getattr(event, "language", ""),
            direction="",
            trunk="",
            queue="",
            agent_id="",
            caller="",
            callee="",
            started_at=event.at,
            end_reason="",
            transferred_to="",
            customer_talk=0.0,
            agent_talk=0.0,
            silence=0.0,
            overlap=0.0,
            hold=0.0,
            disposition="",
            mood_start="",
            mood_end="",
            revision=0,
        )
    )
    return case_id


def _next_id(connection: Connection, at: float, zone: ZoneInfo) -> str:
    day = datetime.fromtimestamp(at, zone).strftime("%Y%m%d")
    last = connection.execute(
        select(counters.c.last).where(counters.c.day == day).with_for_update()
    ).scalar_one_or_none()
    number = (last or 0) + 1
    upsert(connection, counters, {"day": day}, last=number)
    return f"AP-{day}-{number:06d}"


def _set(connection: Connection, call_id: str, **values: Any) -> None:
    connection.execute(update(cases).where(cases.c.call_id == call_id).values(**values))


def _put(connection: Connection, event: Event) -> None:
    call = event.call_id
    match event:
        case CallStarted():
            _set(
                connection,
                call,
                language=event.language,
                direction=event.direction,
                trunk=event.trunk,
                queue=event.queue,
                agent_id=event.agent_id,
                caller=event.caller,
                callee=event.callee,
                started_at=event.at,
            )
        case PlaybookChosen():
            _set(connection, call, playbook=event.name, playbook_version=event.version)
        case CallRinging():
            if event.agent_id:
                _set(connection, call, agent_id=event.agent_id)
        case CallAnswered():
            _set(connection, call, answered_at=event.at, **({"agent_id": event.agent_id} if event.agent_id else {}))
        case CallTransferred():
            _set(
                connection,
                call,
                transferred_to=event.target,
                **({"agent_id": event.agent_id} if event.agent_id else {}),
            )
        case CallEnded():
            _set(connection, call, ended_at=event.at, end_reason=event.reason, sip_code=event.sip_code)
        case Heard():
            _line(connection, event)
        case SentimentChanged():
            _mood(connection, event)
        case CardOffered():
            _card(connection, event)
        case CardWithdrawn():
            connection.execute(
                update(cards)
                .where(cards.c.call_id == call, cards.c.offer_id == event.offer_id)
                .values(outcome=event.reason, closed_at=event.at)
            )
        case ComplianceChanged():
            _check(connection, event)
        case TagsChanged():
            _tags(connection, event)
        case MetricsChanged():
            _set(
                connection,
                call,
                customer_talk=event.customer_talk,
                agent_talk=event.agent_talk,
                silence=event.silence,
                overlap=event.overlap,
                hold=event.hold,
            )
        case CallScored():
            put_score(connection, event)
        case AlertRaised():
            upsert(
                connection,
                alerts,
                {"call_id": call, "alert_id": event.alert_id},
                kind=event.kind,
                severity=event.severity,
                reason=event.reason,
                evidence=list(event.evidence),
                raised_at=event.at,
            )
        case AlertCleared():
            connection.execute(
                update(alerts)
                .where(alerts.c.call_id == call, alerts.c.alert_id == event.alert_id)
                .values(cleared_at=event.at)
            )
        case AgentDid():
            _action(connection, event, "agent", event.agent_id)
            if event.action == "summary_accepted":
                _set(connection, call, status="closed", closed_at=event.at)
        case LeadDid():
            _action(connection, event, "lead", event.lead_id)
            if event.action in quality.ANSWERS:
                settle(connection, call)
        case EarsChanged():
            key = {"call_id": call, "seq": event.seq}
            did = {"role": "lead", "person": event.lead_id, "action": event.state}
            upsert(connection, actions, key, at=event.at, **did, target=event.reason, text="")
        case SurveyAnswered():
            key = {"call_id": call, "question_id": event.question_id}
            scale = {"kind": event.kind, "low": event.low, "high": event.high}
            upsert(connection, survey_answers, key, **scale, score=event.score, at=event.at)
        case SurveyEnded():
            _set(connection, call, survey=event.outcome, survey_asked=event.asked)
        case CasePosted():
            key = {"call_id": call, "target": event.target}
            upsert(connection, postings, key, reference=event.reference, detail="", at=event.at, retry_at=None)
        case CasePostFailed():
            key = {"call_id": call, "target": event.target}
            upsert(connection, postings, key, reference="", detail=event.detail, at=event.at, retry_at=event.retry_at)
        case _:
            pass


def _line(connection: Connection, event: Heard) -> None:
    if not event.text.strip():
        connection.execute(
            delete(lines).where(lines.c.call_id == event.call_id, lines.c.utterance_id == event.utterance_id)
        )
        return
    upsert(
        connection,
        lines,
        {"call_id": event.call_id, "utterance_id": event.utterance_id},
        party=event.party,
        text=event.text,
        t0=event.t0,
        t1=event.t1,
        language=event.language,
        confidence=event.confidence,
        spoken=event.spoken,
        changes=[asdict(change) for change in event.changes],
    )
    if event.party == "customer":
        # The language of a call that was to be found out is what its customer spoke first.
        unknown = (cases.c.call_id == event.call_id) & (cases.c.language == "auto")
        connection.execute(update(cases).where(unknown).values(language=event.language))


def _mood(connection: Connection, event: SentimentChanged) -> None:
    upsert(
        connection,
        moods,
        {"call_id": event.call_id, "seq": event.seq},
        at=event.at,
        party=event.party,
        mood=event.mood,
        score=event.score,
        trend=event.trend,
        evidence=list(event.evidence),
        probabilities=list(event.probabilities),
        emotion=event.emotion,
        intensity=event.intensity,
        urgency=event.urgency,
        effort=event.effort,
        turn=event.turn,
        model=event.model,
    )


def _card(connection: Connection, event: CardOffered) -> None:
    key = {"call_id": event.call_id, "offer_id": event.offer_id}
    known = select(cards.c.offer_id).where(cards.c.call_id == event.call_id, cards.c.offer_id == event.offer_id)
    if connection.execute(known).first() is not None:
        return  # it may be closed already: an offer that comes again must not reopen it
    connection.execute(
        insert(cards).values(
            **key,
            card_id=event.card_id,
            title=event.title,
            say=event.say,
            priority=event.priority,
            confidence=event.confidence,
            evidence=list(event.evidence),
            offered_at=event.at,
            outcome="",
        )
    )


def _check(connection: Connection, event: ComplianceChanged) -> None:
    mine = checklist.c.call_id == event.call_id
    place = connection.execute(
        select(checklist.c.position).where(mine, checklist.c.rule_id == event.rule_id)
    ).scalar_one_or_none()
    if place is None:
        place = connection.execute(select(func.count()).select_from(checklist).where(mine)).scalar_one()
    upsert(
        connection,
        checklist,
        {"call_id": event.call_id, "rule_id": event.rule_id},
        position=place,
        label=event.label,
        state=event.state,
        due_at=event.due_at,
        at=event.at,
        evidence=list(event.evidence),
        consent=event.consent,
    )


def _tags(connection: Connection, event: TagsChanged | SummaryDrafted) -> None:
    connection.execute(delete(tags).where(tags.c.call_id == event.call_id))
    for tag in event.tags:
        connection.execute(
            insert(tags).values(
                call_id=event.call_id,
                kind=tag.kind,
                value=tag.value,
                label=tag.label,
                confidence=tag.confidence,
                evidence=list(tag.evidence),
            )
        )


def _action(connection: Connection, event: AgentDid | LeadDid, role: str, person: str) -> None:
    upsert(
        connection,
        actions,
        {"call_id": event.call_id, "seq": event.seq},
        at=event.at,
        role=role,
        person=person,
        action=event.action,
        target=event.target,
        text=event.text,
    )


def _summary(connection: Connection, event: SummaryDrafted, case_id: str) -> Saved | None:
    mine = cases.c.call_id == event.call_id
    newest = connection.execute(select(cases.c.revision).where(mine)).scalar_one()
    if event.revision < newest:
        return None
    connection.execute(delete(summary_items).where(summary_items.c.call_id == event.call_id))
    for position, item in enumerate(event.items):
        connection.execute(
            insert(summary_items).values(
                call_id=event.call_id,
                position=position,
                slot=item.slot,
                text=item.text,
                evidence=list(item.evidence),
                party=item.party,
                value=item.value,
                due=item.due,
            )
        )
    _tags(connection, event)
    _set(
        connection,
        event.call_id,
        disposition=event.disposition,
        mood_start=event.mood_start,
        mood_end=event.mood_end,
        outcome=event.outcome,
        message=event.message,
        revision=event.revision,
    )
    return Saved(case_id, event.revision)
