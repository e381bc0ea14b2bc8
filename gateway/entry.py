"""What the switchboard remembers of a bridged call besides its state machine."""

from dataclasses import dataclass, field

from assist.events import CallLanguage, CallStarted, Party
from gateway import identity
from gateway.b2bua import BridgedCall
from gateway.fork import Ring
from gateway.quality.meter import CallMeter
from gateway.refer import Goal, Refer
from gateway.route.plan import Plan
from gateway.transfer import Bring, Role


@dataclass(slots=True)
class Watch:
    """RTP packets a leg had got when it was last looked at."""

    packets: int = -1
    since: float = 0.0


@dataclass(slots=True)
class Entry:
    """A call and its legs' keys."""

    call: BridgedCall
    plan: Plan
    language: CallLanguage
    caller: str
    keys: dict[Role, int]
    rings: dict[Party, Ring] = field(default_factory=dict)
    held: set[Role] = field(default_factory=set)
    watch: dict[Role, Watch] = field(default_factory=dict)
    refer: Refer | None = None
    """What the agent's phone asked for last, and how often it has asked."""
    refers: int = 0
    hops: int = identity.MAX_FORWARDS - 1
    headers: tuple[tuple[str, str], ...] = ()
    """What the agents' INVITEs get: see :mod:`gateway.identity`."""
    back: Goal | None = None
    """Where whoever sent the REFER is rung back."""
    waiting: Bring | None = None
    """Somebody to dial as soon as a dialog is free."""
    meter: CallMeter = field(default_factory=CallMeter)
    started: CallStarted | None = None
    answered_at: float | None = None
    traced: set[int] = field(default_factory=set)
    """Legs whose messages are found by the call."""
    leased: set[str] = field(default_factory=set)
    """Trunks with limits on calls that this one is counted at."""
    over_since: float | None = None
