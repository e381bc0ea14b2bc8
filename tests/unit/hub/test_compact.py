"""What a screen shows from a snapshot is what it would show from every event."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from assist.events import (
    AgentDid,
    AlertCleared,
    AlertRaised,
    CallAnswered,
    CallEnded,
    CallHeld,
    CallResumed,
    CallScored,
    CallStarted,
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
    LeadDid,
    MetricsChanged,
    SentimentChanged,
    SummaryDrafted,
    SummaryItem,
    TagsChanged,
)
from assist.hub.compact import compact
from tests.fakes import scripted_call
from tui.state import fold, fold_all

C = {"call_id": "c1", "at": 1.0}
offers = st.sampled_from(["o1", "o2", "o3"])
rules = st.sampled_from(["r1", "r2", "r3"])
numbers = st.integers(0, 5)


def summary(revision: int, text: str) -> SummaryDrafted:
    return SummaryDrafted(
        **C,
        revision=revision,
        items=(SummaryItem(slot="reason", text=text, evidence=()), SummaryItem(slot="promise", text="x", evidence=())),
        disposition=text,
        mood_start="neutral",
        mood_end="neutral",
        tags=(),
    )


events = st.one_of(
    st.builds(lambda n: scripted_call.heard("customer", n, "sí" * (n % 3)), numbers),
    st.builds(lambda n: scripted_call.heard("agent", n, "bien"), numbers),
    st.builds(
        lambda p, n: SentimentChanged(**C, party=p, mood="neutral", score=n / 5, trend=0.0, evidence=()),
        st.sampled_from(["customer", "agent"]),
        numbers,
    ),
    st.builds(
        lambda o, n: CardOffered(
            **C, offer_id=o, card_id="k", title=str(n), say="s", priority=1, confidence=1.0, evidence=()
        ),
        offers,
        numbers,
    ),
    st.builds(lambda o: CardWithdrawn(**C, offer_id=o, reason="said"), offers),
    st.builds(
        lambda r, s: ComplianceChanged(**C, rule_id=r, label=r, state=s, due_at=None, evidence=()),
        rules,
        st.sampled_from(["pending", "due", "met", "missed"]),
    ),
    st.builds(
        lambda f, t: FactHeard(
            **C, fact_id=f, party="customer", kind="order", label="", value=t, text=t, spoken=t, evidence=()
        ),
        st.sampled_from(["u1.0", "u2.0", "u3.0"]),
        st.sampled_from(["451", "451 02", ""]),
    ),
    st.just(TagsChanged(**C, tags=())),
    st.builds(
        lambda n: MetricsChanged(**C, customer_talk=n, agent_talk=0.0, silence=0.0, overlap=0.0, hold=0.0),
        numbers.map(float),
    ),
    st.builds(summary, st.integers(1, 3), st.sampled_from(["a", "b", "c"])),
    st.builds(lambda n: CallScored(**C, revision=n, card="k", score=float(n), items=(), failed=()), st.integers(1, 3)),
    st.builds(
        lambda t: AgentDid(**C, agent_id="ana", action="score_disputed", target=t, text="x"), st.sampled_from("ab")
    ),
    st.builds(
        lambda t, a: LeadDid(**C, lead_id="luz", action=a, target=t, text="x"),
        st.sampled_from("ab"),
        st.sampled_from(["dispute_upheld", "dispute_rejected"]),
    ),
    st.builds(lambda n: CaseSaved(**C, case_id=f"k{n}", revision=1), numbers),
    st.builds(
        lambda t, n: CasePosted(**C, case_id="k", target=t, reference=str(n)), st.sampled_from(["rt", "crm"]), numbers
    ),
    st.builds(
        lambda t: CasePostFailed(**C, case_id="k", target=t, detail="", retry_at=None), st.sampled_from(["rt", "crm"])
    ),
    st.builds(
        lambda c, level: Degraded(**C, component=c, level=level, detail=""),
        st.sampled_from(["recogniser", "assist"]),
        st.sampled_from(["down", "late", "reduced", "stalled", "ok"]),
    ),
    st.builds(
        lambda a: AlertRaised(**C, alert_id=a, kind="k", severity="info", reason="", evidence=()),
        st.sampled_from(["a1", "a2"]),
    ),
    st.builds(
        lambda w, s: EarsChanged(**C, lead_id=w, state=s),
        st.sampled_from(["luz", "marta"]),
        st.sampled_from(["calling", "listening", "whispering", "left", "refused"]),
    ),
    st.builds(lambda a: AlertCleared(**C, alert_id=a), st.sampled_from(["a1", "a2"])),
    st.builds(
        lambda a, t, x: AgentDid(**C, agent_id="ana", action=a, target=t, text=x),
        st.sampled_from(["card_taken", "card_dismissed", "note", "summary_edited", "summary_accepted", "rule_ticked"]),
        st.sampled_from(["o1", "o2", "reason", "promise", "disposition"]),
        st.sampled_from(["", "texto"]),
    ),
    st.sampled_from(
        [
            CallStarted(**C, trunk="t", caller="1", callee="2", queue="q", agent_id="ana", language="es"),
            CallAnswered(**C),
            CallHeld(**C, by="agent"),
            CallResumed(**C, by="agent"),
            CallEnded(**C, reason="customer_hangup", sip_code=200, answered=True),
        ]
    ),
)


def numbered(items: list[Event]) -> list[Event]:
    return [dataclasses.replace(event, seq=number) for number, event in enumerate(items, 1)]


@given(st.lists(events, max_size=40), st.lists(events, max_size=20))
def test_a_snapshot_and_what_follows_is_as_good_as_everything(before: list[Event], after: list[Event]) -> None:
    items = numbered(before + after)
    past, future = items[: len(before)], items[len(before) :]
    everything = fold_all("c1", items)
    state = fold_all("c1", compact(past))
    for event in future:
        state = fold(state, event)
    assert state == everything


@given(st.lists(events, max_size=40))
def test_compacting_twice_changes_nothing_and_keeps_the_order(before: list[Event]) -> None:
    items = numbered(before)
    once = compact(items)
    assert compact(once) == once
    numbers_kept = [event.seq for event in once]
    assert numbers_kept == sorted(set(numbers_kept))
    assert set(once) <= set(items)


@given(st.lists(events, max_size=40), st.lists(events, max_size=40))
def test_compacting_in_steps_is_compacting_at_once(first: list[Event], second: list[Event]) -> None:
    items = numbered(first + second)
    assert compact(compact(items[: len(first)]) + items[len(first) :]) == compact(items)


def test_what_was_superseded_is_gone() -> None:
    items = numbered(
        [
            *(TagsChanged(**C, tags=()) for _ in range(5)),
            *(summary(revision, "a") for revision in (1, 2, 3)),
            *(SentimentChanged(**C, party="customer", mood="neutral", score=0.0, trend=0.0, evidence=()),) * 4,
            CardOffered(**C, offer_id="o1", card_id="k", title="", say="", priority=1, confidence=1, evidence=()),
            CardWithdrawn(**C, offer_id="o1", reason="said"),
            Degraded(**C, component="assist", level="down", detail=""),
            Degraded(**C, component="assist", level="ok", detail=""),
            *(ComplianceChanged(**C, rule_id="r", label="", state="due", due_at=None, evidence=()) for _ in range(6)),
        ]
    )
    kept = [type(event).__name__ for event in compact(items)]
    # Of a rule the first stays too: it is its place in the list.
    assert kept == ["TagsChanged", "SummaryDrafted", "SentimentChanged", "ComplianceChanged", "ComplianceChanged"]
