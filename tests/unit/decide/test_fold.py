"""The fold: a recovered session is the live one, and hearing a thing twice changes nothing."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from assist.decide.core import decide, step
from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.playbook import parse
from assist.decide.state import SessionState, Stimulus, Tick, fold, revisit
from assist.events import (
    AgentDid,
    CallEnded,
    CallHeld,
    CallResumed,
    CardOffered,
    ComplianceChanged,
    Event,
    Heard,
    Language,
    Party,
    SummaryDrafted,
    TranscriptSettled,
)
from assist.session.catchup import recover
from tests.unit.decide.calls import T0, begin, demo_events, heard, packaged_kit, with_ticks

LINES: list[tuple[Party, str]] = [
    ("agent", "le habla Ana, esta llamada será grabada"),
    ("customer", "me cobraron dos veces la factura, es un robo"),
    ("customer", "quiero cancelar el servicio, estoy furioso"),
    ("agent", "entiendo su molestia, ya verifiqué sus datos"),
    ("agent", "su número de radicado es 7 4 2 8, le llamo el viernes"),
    ("customer", "yo no hice esa compra con mi tarjeta"),
    ("agent", "eso es culpa suya"),
    ("customer", "muchas gracias, perfecto"),
    ("customer", ""),
    ("agent", "nos autoriza a enviarle promociones, me confirma el número de su tarjeta"),
    ("customer", "sí claro, quería saber, sin internet, quiero cancelar"),
    ("agent", "ya le abrí el reclamo, su saldo es de ochenta mil pesos"),
]


@cache
def telecom_kit() -> Kit:
    """The telecom example: moments, conditions, consent, silence and talk-over rules."""
    path = Path(__file__).parents[3] / "assist" / "playbooks" / "examples" / "telecom_complaints.es.yaml"
    return Kit(parse(path.read_text(encoding="utf-8"), path.name), LexiconBaseline()).warm()


KITS = st.sampled_from([lambda: packaged_kit("es"), telecom_kit])


@st.composite
def calls(draw: st.DrawFn) -> list[Stimulus]:
    """A call of some lines, holds, partials, keys pressed and long pauses, with ticks, perhaps ended."""
    events: list[Event] = [*begin("c1", "es")]
    at = 1.0
    for number in range(draw(st.integers(0, 14))):
        at += draw(st.sampled_from([0.5, 3.0, 12.0, 40.0]))
        kind = draw(st.sampled_from(["line", "line", "line", "key", "hold", "partial"]))
        party, text = draw(st.sampled_from(LINES))
        if kind == "line":
            events.append(heard(party, text, at - 0.4, at, uid=f"u{number}"))
        elif kind == "partial":
            events.append(heard(party, text, at - 0.4, at, uid=f"p{number}", stable=len(text)))
        elif kind == "hold":
            events.append(CallHeld(call_id="c1", at=T0 + at, by="agent"))
            events.append(CallResumed(call_id="c1", at=T0 + at + 0.3, by="agent"))
        else:
            action, target = draw(
                st.sampled_from(
                    [("card_taken", "c1-1"), ("card_dismissed", "c1-2"), ("rule_ticked", "closing"), ("note", "x")]
                )
            )
            action_event: Any = {"action": action, "target": target}
            events.append(AgentDid(call_id="c1", at=T0 + at, agent_id="ana", **action_event))
    if draw(st.booleans()):
        at += 1
        events.append(CallEnded(call_id="c1", at=T0 + at, reason="agent_hangup", sip_code=200, answered=True))
        if draw(st.booleans()):
            events.append(TranscriptSettled(call_id="c1", at=T0 + at + 0.5))
        if draw(st.booleans()):
            events.append(heard("agent", LINES[4][1], at - 0.5, at, uid="late"))
    return with_ticks(events, every=1.0)  # windows and cool-downs are in whole seconds


class Broker:
    """What a broker does to events: numbers them, stores each meaning once, forgets partials."""

    def __init__(self) -> None:
        self.stored: list[Event] = []
        self.names: list[str] = []
        self.seq = 0

    def store(self, event: Event, dedup: str = "") -> Event:
        if isinstance(event, Heard) and not event.final:
            return event
        name = f"{type(event).__name__}.{dedup}" if dedup else ""
        if not name or name not in self.names:
            self.seq += 1
            event = replace(event, seq=self.seq)
            self.stored.append(event)
            self.names.append(name)
        return event

    def lose_outputs(self, most: int) -> None:
        """The last outputs had not left the process when it died."""
        while most and self.names and self.names[-1]:
            self.stored.pop()
            self.names.pop()
            most -= 1


def run(stimuli: list[Stimulus], language: Language = "es", kit: Kit | None = None) -> tuple[SessionState, Broker]:
    kit, broker = kit or packaged_kit(language), Broker()
    state = SessionState(call_id="c1")
    for stimulus in stimuli:
        given_event = stimulus if isinstance(stimulus, Tick) else broker.store(stimulus)
        state, made = step(state, given_event, kit)
        for event, dedup in made:
            broker.store(event, dedup)
    return state, broker


def told(state: SessionState) -> dict[str, Any]:
    """What matters of a state: not the sequence numbers, not an utterance nobody has finished."""
    strip = {"seq": 0}

    def bare(event: Any) -> Any:
        return None if event is None else replace(event, **strip)

    fields = {name: getattr(state, name) for name in state.__dataclass_fields__}
    fields |= {
        "lines": tuple(bare(line) for line in state.lines),
        "agent_did": tuple(bare(action) for action in state.agent_did),
        "sentiment": bare(state.sentiment),
        "metrics": bare(state.metrics),
        "summary": bare(state.summary),
        "score": bare(state.score),
        "playbook": bare(state.playbook),
        "sensitive": bare(state.sensitive),
        "checklist": dict(state.checklist),
        "facts": {fact_id: bare(fact) for fact_id, fact in state.facts.items()},
        "open_customer": None,
        "open_agent": None,
    }
    return fields


@settings(max_examples=40, deadline=None)
@given(calls(), KITS)
def test_folding_the_stored_events_gives_the_live_state(stimuli: list[Stimulus], kit: Callable[[], Kit]) -> None:
    live, broker = run(stimuli, kit=kit())
    assert told(revisit(SessionState(call_id="c1"), broker.stored)) == told(live)


def test_a_hold_that_ends_a_warned_silence_is_stored() -> None:
    """Speech has ended one warning already; the hold ends the next, of the silence since that speech."""
    answered = begin("c1", "es")[-1].at
    said = Heard(
        call_id="c1",
        at=answered + 13,
        party="agent",
        utterance_id="u0",
        text="le habla Ana",
        stable_chars=12,
        final=True,
        t0=answered + 12.6,
        t1=answered + 13,
        language="es",
        confidence=0.9,
    )
    ticks = [Tick(at=answered + second) for second in range(26)]
    held = CallHeld(call_id="c1", at=answered + 25.5, by="agent")
    live, broker = run([*begin("c1", "es"), *ticks[:13], said, *ticks[13:], held], kit=telecom_kit())
    states = [e.state for e in broker.stored if isinstance(e, ComplianceChanged) and e.rule_id == "no_dead_air"]
    assert states == ["pending", "due", "pending", "due", "pending"]
    assert told(revisit(SessionState(call_id="c1"), broker.stored)) == told(live)


@settings(max_examples=40, deadline=None)
@given(calls(), KITS, st.data())
def test_outputs_may_be_stored_later_than_the_inputs_that_follow(
    stimuli: list[Stimulus], kit: Callable[[], Kit], data: st.DataObject
) -> None:
    live, broker = run(stimuli, kit=kit())
    inputs = [e for e in broker.stored if fold(SessionState(call_id="c1"), e).last_input_seq]
    outputs = [e for e in broker.stored if e not in inputs]
    order = data.draw(st.permutations([0] * len(inputs) + [1] * len(outputs)))
    queues: tuple[list[Event], list[Event]] = (list(inputs), list(outputs))
    mixed = [queues[side].pop(0) for side in order]
    assert told(revisit(SessionState(call_id="c1"), mixed)) == told(live)


@settings(max_examples=40, deadline=None)
@given(calls(), KITS)
def test_redelivered_events_change_nothing_and_decide_nothing(
    stimuli: list[Stimulus], kit_of_call: Callable[[], Kit]
) -> None:
    kit = kit_of_call()
    live, broker = run(stimuli, kit=kit)
    assert told(revisit(live, broker.stored)) == told(live)
    announced = [out for out in broker.stored if isinstance(out, ComplianceChanged) and out.state == "pending"]
    for event in [e for e in broker.stored if fold(SessionState(call_id="c1"), e).last_input_seq]:
        again, made = step(live, event, kit)
        # A rule that came onto the list afterwards may find in the line what it could not then.
        later = {out.rule_id for out in announced if out.at > event.at}
        for out, dedup in made:
            # Running figures may be told again, under the name they had.
            late = isinstance(out, ComplianceChanged) and out.rule_id in later
            assert late or type(out).__name__ in ("MetricsChanged", "SentimentChanged"), (out, dedup)
        assert {rule for rule in live.checklist if again.checklist[rule] != live.checklist[rule]} <= later
        assert again.offers == live.offers
        assert again.summary == live.summary


@settings(max_examples=50, deadline=None)
@given(calls(), KITS, st.data())
def test_a_crash_at_any_point_doubles_nothing_and_loses_no_duty(
    stimuli: list[Stimulus], kit_of_call: Callable[[], Kit], data: st.DataObject
) -> None:
    """Kill before any stored input, lose what was decided and not yet sent, recover, go on."""
    kit, broker = kit_of_call(), Broker()
    inputs = [
        n for n, s in enumerate(stimuli) if not isinstance(s, Tick) and not (isinstance(s, Heard) and not s.final)
    ]
    crash = data.draw(st.sampled_from(inputs))
    state = SessionState(call_id="c1")
    for number, stimulus in enumerate(stimuli):
        if number == crash:
            broker.lose_outputs(data.draw(st.integers(0, 4)))
        event = stimulus if isinstance(stimulus, Tick) else broker.store(stimulus)
        if number == crash and not isinstance(event, Tick):
            state, made = recover("c1", broker.stored, event, kit, _never)
            for out, dedup in made:
                broker.store(out, dedup)
        state, made = step(state, event, kit)
        for out, dedup in made:
            broker.store(out, dedup)
    offers = [event.offer_id for event in broker.stored if isinstance(event, CardOffered)]
    assert len(offers) == len(set(offers))
    revisions = [event.revision for event in broker.stored if isinstance(event, SummaryDrafted)]
    assert revisions == sorted(set(revisions))
    assert revisions or state.ended_at is None or not state.settled
    # Whatever was said is on the checklist, crash or no crash; of words that nobody finished the broker keeps nothing.
    plain, _ = run(stimuli, kit=kit)
    finals = {stimulus.utterance_id for stimulus in stimuli if isinstance(stimulus, Heard) and stimulus.final}
    met = {rule: item.evidence for rule, item in plain.checklist.items() if item.state == "met" and item.evidence}
    said = {rule for rule, evidence in met.items() if finals.issuperset(evidence)}
    assert said <= {rule for rule, item in state.checklist.items() if item.state in ("met", "missed")}


def _never(decider: str, err: Exception) -> None:
    raise AssertionError(decider) from err


def test_a_lost_summary_is_drafted_on_recovery() -> None:
    events = [e for e in demo_events("en", "c1") if not isinstance(e, Heard) or e.final]
    _, broker = run(list(events), "en")
    without = [e for e in broker.stored if not isinstance(e, SummaryDrafted)]
    late = AgentDid(call_id="c1", at=events[-1].at + 9, agent_id="ana", action="note", seq=10_000)
    _, made = recover("c1", without, late, packaged_kit("en"), _never)
    assert [e.revision for e, _ in made if isinstance(e, SummaryDrafted)] == [1]


def test_a_complete_history_is_recovered_in_silence() -> None:
    for language in ("es", "en"):
        events = [e for e in demo_events(language, "c1") if not isinstance(e, Heard) or e.final]
        live, broker = run(with_ticks(events), language)
        late = AgentDid(call_id="c1", at=events[-1].at + 9, agent_id="ana", action="note", seq=10_000)
        state, made = recover("c1", broker.stored, late, packaged_kit(language), _never)
        assert made == []
        assert told(state) == told(live)


def test_a_partial_after_its_final_is_ignored() -> None:
    state = fold(SessionState(call_id="c1"), heard("agent", "hola", 0, 1, uid="u"))
    assert fold(state, heard("agent", "ho", 0, 1, uid="u", stable=2)).open_agent is None


def test_a_final_that_comes_again_with_other_words_replaces_them_and_counts_once() -> None:
    state = fold(SessionState(call_id="c1"), heard("agent", "hola", 0, 2, uid="u"))
    state = fold(state, heard("agent", "ola", 0, 2, uid="u"))
    assert [line.text for line in state.lines] == ["ola"]
    assert state.talk.agent == 2


def test_an_answer_that_was_missed_is_learnt_from_the_end() -> None:
    state = fold(SessionState(call_id="c1"), heard("agent", "hola", 3, 5, uid="u"))
    ended = CallEnded(call_id="c1", at=T0 + 9, reason="agent_hangup", sip_code=200, answered=True)
    assert fold(state, ended).answered_at == T0 + 3


def test_deciding_is_pure() -> None:
    kit = packaged_kit("es")
    state, _ = run([*begin("c1", "es"), heard("customer", "me cobraron dos veces", 1, 2, uid="u")])
    tick = Tick(T0 + 31)
    assert decide(state, tick, kit) == decide(state, tick, kit)
