"""A session after a restart: what is stored is folded, what was on its way when the process died is decided again."""

from typing import Final

from assist.decide.core import FailureHook, decide
from assist.decide.kit import Decision, Kit
from assist.decide.state import SessionState, Tick, fold, revisit
from assist.events import AgentDid, CallAnswered, CallTransferred, Event, Heard, LeadDid, TranscriptSettled
from assist.wire import input_names

_AGAIN: Final = 24
"""Inputs looked at again. A decision can only be lost between the broker's acknowledgement of an input and the sending
of what was decided on it, a matter of milliseconds; this many inputs are minutes of talk."""


def recover(
    call_id: str, history: list[Event], event: Event, kit: Kit, on_failure: FailureHook
) -> tuple[SessionState, list[Decision]]:
    """The session's state from a call's stored events, and decisions that were lost with the process before.

    ``event`` is the input about to be handled: inputs stored after it will be handed over in their turn and are left
    out; outputs stored after it are folded, so that nothing is decided twice.
    """
    known = [old for old in history if not (_is_input(old) and event.seq and old.seq >= event.seq)]
    state = revisit(SessionState(call_id=call_id, language=kit.playbook.language), known)
    decisions: list[Decision] = []
    kinds = Heard | AgentDid | LeadDid | CallAnswered | CallTransferred | TranscriptSettled
    again = [old for old in known if isinstance(old, kinds)][-_AGAIN:]
    for old in again:
        made = decide(state, old, kit, on_failure=on_failure, live=False)
        for out, dedup in made:
            state = fold(state, out)
            decisions.append((out, dedup))
    for out, dedup in decide(state, Tick(event.at), kit, on_failure=on_failure):
        state = fold(state, out)
        decisions.append((out, dedup))
    return state, decisions


def _is_input(event: Event) -> bool:
    return type(event).__name__ in input_names()
