"""One recorded call as a state machine without I/O: what the SRC says goes in, commands and events come out.

::

    ANSWERING ──ACK──▶ UP ──BYE, lost──▶ OVER

The roles follow the metadata: whoever is known as one of our agents is the agent, everybody else the customer. Where
nobody is known, the first stream is the customer's, as vendors' documents have it for inbound calls.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from assist.config import Trunk
from assist.events import (
    CallAnswered,
    CallEnded,
    CallHeld,
    CallResumed,
    CallStarted,
    CallTransferred,
    EndReason,
    Party,
)
from gateway.b2bua import Publish
from gateway.routing import ANONYMOUS, user_part
from gateway.siprec.metadata import Metadata, Participant

NORMAL_END: Final = 200


class Phase(Enum):
    """Where a recorded call is."""

    ANSWERING = auto()
    UP = auto()
    OVER = auto()


@dataclass(frozen=True, slots=True)
class Accept:
    """Answer the INVITE with 200 and both streams."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Put the audio of stream ``n`` (of the audio lines, from 0) into ``parties[n]``'s ring; None: let it go."""

    parties: tuple[Party | None, ...]


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the recording session; the call itself is the SRC's."""

    code: int


Command: TypeAlias = Publish | Accept | Listen | HangUp
AgentOf: TypeAlias = Callable[[Participant], str | None]
"""Our agent's id of a participant, None for anybody else."""


class RecordedCall:
    """One recording session.

    Args:
        call_id: our name of the call.
        trunk: where it came from; its agent counts where the metadata names none.
        labels: label of each audio stream, in the offer's order.
        metadata: what the INVITE said, None when it could not be read.
        agent_of: finds our agents among participants.
    """

    def __init__(
        self, call_id: str, trunk: Trunk, labels: Sequence[str], metadata: Metadata | None, agent_of: AgentOf
    ) -> None:
        self.call_id = call_id
        self.trunk = trunk
        self.phase = Phase.ANSWERING
        self.answered = False
        self._labels = tuple(labels)
        self._metadata = metadata or Metadata()
        self._agent_of = agent_of
        self._parties: tuple[Party | None, ...] = ()
        self._held = False
        self._agent = self._known_agent()
        self.agent_id = (self._agent and agent_of(self._agent)) or trunk.agent

    def start(self, now: float) -> list[Command]:
        """The INVITE is taken. ``now`` is UTC seconds here and below."""
        customer = self._customer()
        started = CallStarted(
            call_id=self.call_id,
            at=now,
            trunk=self.trunk.name,
            caller=_user(customer),
            callee=_user(self._agent),
            queue=self.trunk.queue,
            agent_id=self.agent_id,
            language=self.trunk.language,
        )
        return [Publish(started), Accept()]

    def up(self, now: float) -> list[Command]:
        """The SRC's ACK came."""
        if self.phase is not Phase.ANSWERING:
            return []
        self.phase, self.answered = Phase.UP, True
        return [Publish(CallAnswered(call_id=self.call_id, at=now)), *self._listen()]

    def media_changed(self, now: float, *, paused: bool) -> list[Command]:
        """Streams were negotiated anew; ``paused``: none of them sends (RFC 7866, 7.2: recording is paused)."""
        if self.phase is not Phase.UP:
            return []
        commands: list[Command] = [Listen(self._parties)]
        if paused is not self._held:
            self._held = paused
            kind = CallHeld if paused else CallResumed
            commands.append(Publish(kind(call_id=self.call_id, at=now, by="agent")))
        return commands

    def told(self, news: Metadata, now: float) -> list[Command]:
        """Metadata came within the dialog."""
        if self.phase is Phase.OVER:
            return []
        self._metadata = self._metadata.updated(news)
        before, self._agent = self._agent, self._known_agent() or self._agent
        commands: list[Command] = []
        if self._agent is not None and before is not None and self._agent.aor != before.aor:
            target, to_agent = self._agent.aor or self._agent.name, self._agent_of(self._agent) or ""
            event = CallTransferred(
                call_id=self.call_id, at=now, target=target, agent_id=to_agent, by_agent=self._agent_of(before) or ""
            )
            self.agent_id = to_agent or self.agent_id
            commands.append(Publish(event))
        if self.phase is Phase.UP:
            commands += self._listen()
        return commands

    def gone(self, now: float) -> list[Command]:
        """The dialog has ended."""
        return self._end(now, "ended" if self.answered else "failed")

    def shut_down(self, now: float) -> list[Command]:
        """We stop, or no RTP has come for too long."""
        return [*self._end(now, "lost"), HangUp(NORMAL_END)]

    # --- parts ---------------------------------------------------------------------------------------------------

    def _end(self, now: float, reason: EndReason) -> list[Command]:
        if self.phase is Phase.OVER:
            return []
        self.phase = Phase.OVER
        event = CallEnded(
            call_id=self.call_id,
            at=now,
            reason=reason,
            sip_code=NORMAL_END if self.answered else 0,
            answered=self.answered,
        )
        return [Publish(event)]

    def _listen(self) -> list[Command]:
        parties = roles(self._labels, self._metadata.speakers(), self._agent_of)
        if parties == self._parties:
            return []
        self._parties = parties
        return [Listen(parties)]

    def _known_agent(self) -> Participant | None:
        metadata = self._metadata
        return next(
            (who for key, who in metadata.participants.items() if key not in metadata.gone and self._agent_of(who)),
            None,
        )

    def _customer(self) -> Participant | None:
        metadata = self._metadata
        others = (who for key, who in metadata.participants.items() if key not in metadata.gone)
        return next((who for who in others if not self._agent_of(who)), None)


def roles(
    labels: Sequence[str], speakers: Mapping[str, Sequence[Participant]], agent_of: AgentOf
) -> tuple[Party | None, ...]:
    """Whose voice each stream is; a party has one stream, further ones are None."""
    heard = [speakers.get(label, ()) for label in labels]
    agents = [at for at, people in enumerate(heard) if any(agent_of(who) for who in people)]
    if not agents:
        order: tuple[Party | None, ...] = ("customer", "agent")
        return (*order, *[None] * len(labels))[: len(labels)]
    others = [at for at in range(len(labels)) if at != agents[0]]
    # Of the other streams the one somebody is known to speak on.
    customer = min(others, key=lambda at: not heard[at], default=None)
    return tuple("agent" if at == agents[0] else "customer" if at == customer else None for at in range(len(labels)))


def _user(who: Participant | None) -> str:
    return user_part(who.aor) if who is not None and who.aor else ANONYMOUS
