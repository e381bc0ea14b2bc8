"""The fewest events that rebuild a call's screen: what a later event has superseded is left out. Pure.

``fold(compact(events)) == fold(events)`` holds for every screen, at any point of a call, and compacting what is
compact already changes nothing.
"""

from collections.abc import Iterable, Sequence

from assist.events import (
    CARD_ACTIONS,
    AgentDid,
    AlertCleared,
    AlertRaised,
    CallScored,
    CardOffered,
    CardWithdrawn,
    CasePosted,
    CasePostFailed,
    CaseSaved,
    ComplianceChanged,
    Degraded,
    EarsChanged,
    Event,
    FactHeard,
    HandOverDrafted,
    MetricsChanged,
    MomentHeard,
    PlaybookChosen,
    QualityMeasured,
    SensitiveChanged,
    SentimentChanged,
    SummaryDrafted,
    SurveyAnswered,
    SurveyEnded,
    TagsChanged,
)


def compact(events: Iterable[Event]) -> list[Event]:
    """The events that still matter, in their order."""
    items = list(events)
    drop = _superseded(items) | _answered_cards(items) | _old_summaries(items) | _settled(items)
    return [event for index, event in enumerate(items) if index not in drop]


def _slot(event: Event) -> tuple[str, ...] | None:
    """Events with the same slot replace each other; None stays for ever."""
    match event:
        case SentimentChanged():
            return ("sentiment", event.party)
        case TagsChanged() | MetricsChanged() | CaseSaved() | CallScored() | SensitiveChanged() | PlaybookChosen():
            return (type(event).__name__,)
        case QualityMeasured():
            return ("quality",)
        case ComplianceChanged():
            return ("rule", event.rule_id)
        case MomentHeard():
            return ("moment", event.moment_id)
        case FactHeard():
            return ("fact", event.fact_id)
        case HandOverDrafted():
            return ("hand_over", "received" if event.from_call else "own")
        case CasePosted() | CasePostFailed():
            return ("posting", event.target)
        case Degraded():
            return ("degraded", event.component)
        case AlertRaised() | AlertCleared():
            return ("alert", event.alert_id)
        case EarsChanged():
            # What could not be done leaves the lead where he was.
            return ("refused" if event.state == "refused" else "ears", event.lead_id)
        case SurveyAnswered():
            return ("survey", event.question_id)
        case SurveyEnded():
            return ("survey",)
        case _:
            return None


def _superseded(items: Sequence[Event]) -> set[int]:
    last: dict[tuple[str, ...], int] = {}
    first_of_rule: set[int] = set()
    drop: set[int] = set()
    for index, event in enumerate(items):
        slot = _slot(event)
        if slot is None:
            continue
        if slot not in last and isinstance(event, ComplianceChanged):
            # A rule's first event gives it its place in the checklist.
            first_of_rule.add(index)
        elif slot in last:
            drop.add(last[slot])
        last[slot] = index
    return drop - first_of_rule


def _answered_cards(items: Sequence[Event]) -> set[int]:
    """A screen shows one card, the last offered: all others go, and it too once it was withdrawn or answered."""
    drop: set[int] = set()
    current: int | None = None
    for index, event in enumerate(items):
        if isinstance(event, CardOffered):
            if current is not None:
                drop.add(current)
            current = index
            continue
        if isinstance(event, CardWithdrawn):
            gone = event.offer_id
        elif isinstance(event, AgentDid) and event.action in CARD_ACTIONS:
            gone = event.target
        else:
            continue
        drop.add(index)
        offer = items[current] if current is not None else None
        if current is not None and isinstance(offer, CardOffered) and offer.offer_id == gone:
            drop.add(current)
            current = None
    return drop


def _old_summaries(items: Sequence[Event]) -> set[int]:
    drop: set[int] = set()
    best: int | None = None
    for index, event in enumerate(items):
        if not isinstance(event, SummaryDrafted):
            continue
        current = items[best] if best is not None else None
        if isinstance(current, SummaryDrafted) and current.revision > event.revision:
            drop.add(index)
            continue
        if best is not None:
            drop.add(best)
        best = index
    return drop


def _settled(items: Sequence[Event]) -> set[int]:
    """Parts that work again and alerts that were cleared leave no trace."""
    last = {slot: index for index, event in enumerate(items) if (slot := _slot(event)) is not None}
    return {
        index
        for index, event in enumerate(items)
        if (isinstance(event, Degraded) and event.level == "ok" and last[("degraded", event.component)] == index)
        or (isinstance(event, AlertCleared) and last[("alert", event.alert_id)] == index)
    }
