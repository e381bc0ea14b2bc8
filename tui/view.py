"""What the whole screen knows: the connection, the calls, and which of them is on show. Pure."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from assist.events import Degraded, Event
from tui.frames import Frame, Incoming, Link, Snapshot, Synced, Welcome
from tui.state import CallState, fold, fold_all, with_degraded

MAX_CALLS: Final = 20
"""An agent's screen needs the call that goes on and those whose summary waits."""

LinkState: TypeAlias = Literal["connecting", "up", "down"]
_PARTS: Final = ("broker", "gateway", "recogniser", "assist", "case_store")


@dataclass(frozen=True, slots=True)
class ScreenState:
    """Everything an agent's screen is drawn from. ``skew`` is the hub's clock minus this machine's, seconds."""

    link: LinkState = "connecting"
    synced: bool = False
    subject: str = ""
    skew: float = 0.0
    calls: Mapping[str, CallState] = field(default_factory=dict)
    system: Mapping[str, Degraded] = field(default_factory=dict)

    def shown(self, current: str = "", closed: Set[str] = frozenset()) -> CallState | None:
        """The call to show: the latest live one, else the latest whose summary waits, else none.

        ``current`` is the call on show: it stays after its summary was accepted. ``closed`` were put away.
        """
        calls = list(self.calls.values())
        live = [call for call in calls if call.live and call.started_at]
        if live:
            return max(live, key=lambda call: (call.phase != "ringing", call.started_at))
        waiting = [
            call
            for call in calls
            if call.phase == "wrap_up" and call.call_id not in closed and (not call.accepted or call.call_id == current)
        ]
        return max(waiting, key=lambda call: call.ended_at or 0.0, default=None)

    def scored(self, shown: CallState | None) -> CallState | None:
        """The call whose score can be looked at: that on show once it is over, while none is on show the last one."""
        if shown is not None:
            return shown if shown.phase == "wrap_up" and shown.score is not None else None
        over = [call for call in self.calls.values() if call.score is not None]
        return max(over, key=lambda call: call.ended_at or 0.0, default=None)

    def degraded(self, call: CallState | None) -> list[Degraded]:
        """Parts in trouble, for everyone or for ``call``, the worst first."""
        own = dict(call.degraded) if call is not None else {}
        if call is not None and not call.live:
            # After the call only this matters: the summary may still change, for the transcript is not complete.
            own = {name: event for name, event in own.items() if name == "recogniser" and event.level == "late"}
        parts = {**own, **self.system}
        return [parts[name] for name in _PARTS if name in parts]


def apply(state: ScreenState, frame: Frame, now: float) -> ScreenState:
    """The state after a frame; ``now`` is this machine's clock, seconds UTC."""
    match frame:
        case Link(up=True):
            return replace(state, link="up", synced=False)
        case Link():
            return replace(state, link="down", synced=False)
        case Welcome():
            # The hub tells what is in trouble right after this, so whatever was known is old.
            return replace(state, subject=frame.subject, skew=frame.now - now, system={})
        case Snapshot():
            return _with_call(state, fold_all(frame.call_id, frame.events))
        case Incoming():
            return _with_event(state, frame.event)
        case Synced():
            return replace(state, synced=True)
        case _:
            return state


def _with_event(state: ScreenState, event: Event) -> ScreenState:
    if not event.call_id:
        if isinstance(event, Degraded):
            return replace(state, system=with_degraded(state.system, event))
        return state
    before = state.calls.get(event.call_id) or CallState(event.call_id)
    call = fold(before, event)
    if before.agent_id == state.subject != call.agent_id:
        # It is another agent's now.
        return replace(state, calls={key: other for key, other in state.calls.items() if key != call.call_id})
    return _with_call(state, call)


def _with_call(state: ScreenState, call: CallState) -> ScreenState:
    calls = {**state.calls, call.call_id: call}
    if len(calls) > MAX_CALLS:
        oldest = min(calls.values(), key=lambda other: (other.live, other.phase == "wrap_up", other.started_at))
        del calls[oldest.call_id]
    return replace(state, calls=calls)
