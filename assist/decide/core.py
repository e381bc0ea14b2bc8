"""The decision core: what happened goes in, what the assist core says about it comes out.

Live::

    state = fold(state, event)
    for event_out, dedup in decide(state, event, kit):
        state = fold(state, event_out)

which is :func:`step`. Recovery folds the stored events and decides nothing. ``dedup`` names a decision's meaning
within its call; given to the broker as the message id it makes a decision that is made again after a crash harmless.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from assist.decide import (
    alerts,
    cards,
    chosen,
    compliance,
    facts,
    handover,
    metrics,
    moments,
    score,
    sensitive,
    sentiment,
    summary,
    tags,
)
from assist.decide.kit import Decision, Kit
from assist.decide.state import SessionState, Stimulus, Tick, fold

Decider: TypeAlias = Callable[[SessionState, Stimulus, Kit], list[Decision]]
FailureHook: TypeAlias = Callable[[str, Exception], None]

# Each sees what those before it have just decided: a tag puts a rule on the list, a mood offers a card.
_DECIDERS: Final[tuple[tuple[str, Decider], ...]] = (
    ("playbook", chosen.decide),
    ("facts", facts.decide),
    ("sensitive", sensitive.decide),
    ("tags", tags.decide),
    ("sentiment", sentiment.decide),
    ("moments", moments.decide),
    ("compliance", compliance.decide),
    ("cards", cards.decide),
    ("metrics", metrics.decide),
    ("alerts", alerts.decide),
    ("summary", summary.decide),
    ("handover", handover.decide),
    ("score", score.decide),
)
_OF_THE_MOMENT: Final = frozenset({"cards", "metrics"})


def decide(
    state: SessionState,
    stimulus: Stimulus,
    kit: Kit,
    *,
    on_failure: FailureHook | None = None,
    live: bool = True,
) -> list[Decision]:
    """Everything decided on ``stimulus``, which ``state`` has folded already (a tick is not folded).

    With ``live`` false the event lies in the past: cards and running figures, which are of the moment, are left out.
    With ``on_failure`` a decider that raises is reported by name and the others go on; without it the error comes out.
    """
    return _decided(state, stimulus, kit, on_failure=on_failure, live=live)[1]


def _decided(
    state: SessionState, stimulus: Stimulus, kit: Kit, *, on_failure: FailureHook | None, live: bool
) -> tuple[SessionState, list[Decision]]:
    """The decisions, and the state with them folded in."""
    decisions: list[Decision] = []
    for name, decider in _DECIDERS:
        if not live and name in _OF_THE_MOMENT:
            continue
        try:
            made = decider(state, stimulus, kit)
        except Exception as err:
            if on_failure is None:
                raise
            on_failure(name, err)
            continue
        for event, dedup in made:
            state = fold(state, event)
            decisions.append((event, dedup))
    return state, decisions


def step(
    state: SessionState, stimulus: Stimulus, kit: Kit, *, on_failure: FailureHook | None = None
) -> tuple[SessionState, list[Decision]]:
    """Fold, decide, fold what was decided."""
    live = True
    if not isinstance(stimulus, Tick):
        # An event that is delivered again lies in the past: what it meant then is decided, nothing new for now.
        live = not stimulus.seq or stimulus.seq > state.last_input_seq
        state = fold(state, stimulus)
    return _decided(state, stimulus, kit, on_failure=on_failure, live=live)
