"""A transfer as a state machine without I/O: from the REFER to the new agent, or back to the one who wanted it.

::

    REFER ──dialog free──▶ DIALLING ──180──▶ RINGING ──200──▶ the target is the call's agent
      │                       ▲   │             │
      │ none free             │   └─────────────┴─refused, no answer──▶ transferor still here: as before
      ▼                       │                                         transferor gone: RECALLING
    LEAVING ──its BYE's 200───┘                                                 │
                                          the transferor is back, as before ◀───┴───▶ the call ends

The customer's leg is never touched: it hears a ringing tone (RFC 5589, section 6 leaves that to the transferee).
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal, TypeAlias

from gateway.refer import Goal

Role: TypeAlias = Literal["customer", "agent", "target"]
"""What a leg is in its call; the target becomes the agent when it answers."""

TRYING: Final = 100
RINGING: Final = 180
OK: Final = 200
NO_ANSWER: Final = 480
MAX_GIVING_UP_S: Final = 40.0
"""Longer than SIP's own 32 s: a dialog that is told to end has ended by then, whatever its peer does."""


class Stage(Enum):
    """Where a transfer is."""

    LEAVING = auto()
    DIALLING = auto()
    RINGING = auto()
    RECALLING = auto()


@dataclass(frozen=True, slots=True)
class Bring:
    """Send an INVITE for the third leg, the target; without ``goal`` back to the transferor's phone."""

    goal: Goal | None = None


@dataclass(frozen=True, slots=True)
class HangUp:
    """End a leg: BYE, CANCEL or the final response ``code``, whichever its state asks for."""

    party: Role
    code: int


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the transferor how it goes; ``final`` ends the subscription."""

    code: int
    final: bool = False


@dataclass(frozen=True, slots=True)
class Park:
    """Take customer and agent apart; the customer hears a ringing tone."""


@dataclass(frozen=True, slots=True)
class Promote:
    """The target's leg is the agent's from now on, the one before is nobody's."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """Connect whatever media both legs have; fork it, unless it is early media: nobody has answered yet."""

    forked: bool = True


Command: TypeAlias = Bring | HangUp | Notify | Park | Promote | Bridge


class Transfer:
    """One transfer of a call that is up.

    Args:
        goal: whom to.
        alive: roles whose dialogs haven't ended; the call's own set, which the transfer keeps true.
        ring_s: seconds a phone rings.
    """

    def __init__(self, goal: Goal, alive: set[Role], *, ring_s: float) -> None:
        self.goal = goal
        self.stage = Stage.LEAVING
        self.code = 0
        """Status the last attempt ended with."""
        self._alive = alive
        self._ring_s = ring_s
        self._deadline: float | None = None
        self._gave_up = False

    @property
    def recalls(self) -> bool:
        """Whether it is the transferor that rings now."""
        return self.stage is Stage.RECALLING

    def start(self, now: float, *, room: bool) -> list[Command]:
        """The REFER was accepted; ``room``: there is a dialog for a third leg."""
        commands: list[Command] = [Notify(TRYING), Park()]
        if room:
            return [*commands, *self._bring(now)]
        self._deadline = now + MAX_GIVING_UP_S
        return [*commands, HangUp("agent", OK)]

    def adopt(self, now: float) -> list[Command]:
        """The target is dialled already: the transferor's own second call was with it."""
        self.stage = Stage.DIALLING
        self._deadline = now + self._ring_s
        self._alive.add("target")
        return [Notify(TRYING), Park()]

    def transferor_gone(self, now: float) -> list[Command]:
        """The transferor's dialog has ended, as it should."""
        return self._bring(now) if self.stage is Stage.LEAVING else []

    def target_rings(self) -> list[Command]:
        """A 180 came."""
        if self.stage is not Stage.DIALLING:
            return []
        self.stage = Stage.RINGING
        return self._tell(RINGING)

    def target_up(self) -> list[Command]:
        """The target has answered; the transfer is over."""
        commands = self._tell(OK, final=True)
        if "agent" in self._alive:
            commands.append(HangUp("agent", OK))
        self._alive.discard("target")
        self._alive.add("agent")
        return [*commands, Promote(), Bridge()]

    def target_gone(self, code: int, now: float) -> list[Command] | None:
        """The target refused, or was given up. None: nobody is left to ring; an empty call ends.

        Back to what was when the transferor is still there, see :attr:`over`.
        """
        self.code = NO_ANSWER if self._gave_up else code
        self._gave_up = False
        if "agent" in self._alive:
            return [*self._tell(self.code, final=True), Bridge()]
        if self.stage is Stage.RECALLING:
            return None
        commands = self._bring(now, Stage.RECALLING)
        return commands

    def tick(self, now: float) -> list[Command]:
        """Time has passed; gives up on who rings for too long."""
        if self._deadline is None or now < self._deadline:
            return []
        self._deadline = None
        if "target" not in self._alive:
            return []
        self._gave_up = True
        return [HangUp("target", NO_ANSWER)]

    # --- parts ---------------------------------------------------------------------------------------------------

    def _bring(self, now: float, stage: Stage = Stage.DIALLING) -> list[Command]:
        self.stage = stage
        self._deadline = now + self._ring_s
        self._alive.add("target")
        return [Bring(None if stage is Stage.RECALLING else self.goal)]

    def _tell(self, code: int, *, final: bool = False) -> list[Command]:
        return [Notify(code, final)] if "agent" in self._alive and self.stage is not Stage.LEAVING else []
