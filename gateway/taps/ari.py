"""Asterisk without a change of its dialplan: which calls to listen to, and what to ask of ARI for it. Pure.

When two people are in a bridge and one of them is an agent of ours, each gets a snoop channel (``spy=in``: what that
person says) and an external media channel that brings it to our AudioSocket port; a mixing bridge joins the two.

::

    person ──snoop──▶ ┐ bridge
    our port ◀─media─ ┘             both channels have to be in Stasis before the bridge takes them

Source: Asterisk's REST interface, "Channels" (snoop, externalMedia) and "Bridges"; seen with Asterisk 22.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from uuid import UUID

from assist.config import Agent, Tap
from assist.events import Party
from gateway import routing
from gateway.taps.stream import Begun

APP: Final = "apuntador"
_OWN: Final = "apuntador-"
"""What the names of our own channels and bridges begin with."""
_RESOURCE: Final = re.compile(r"^(?P<tech>[^/]+)/(?P<resource>.+?)(-[0-9a-f]{8})?(;[12])?$")
_NOT_PEOPLE: Final = frozenset({"Snoop", "AudioSocket", "UnicastRTP", "WebSocket", "Announcer", "Recorder", "Bridge"})
_MAX_CHANNELS: Final = 10_000
_LONGEST: Final = 64


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to ARI; ``call`` is the customer's channel, given up when it fails."""

    method: str
    path: str
    params: Mapping[str, str]
    call: str


@dataclass(frozen=True, slots=True)
class Expect:
    """An AudioSocket connection with this UUID will bring this."""

    token: UUID
    begun: Begun


@dataclass(frozen=True, slots=True)
class Forget:
    """No connection with this UUID is expected any more."""

    token: UUID


Command: TypeAlias = Ask | Expect | Forget


@dataclass(slots=True)
class _Channel:
    name: str
    number: str = ""
    context: str = ""
    exten: str = ""
    bridge: str = ""


@dataclass(slots=True)
class _Leg:
    token: UUID
    in_stasis: set[str] = field(default_factory=set)
    joined: bool = False

    def named(self, kind: str) -> str:
        return f"{_OWN}{self.token}-{kind}"


@dataclass(slots=True)
class _Call:
    customer: str
    agent: str
    legs: tuple[_Leg, _Leg]


class AriCalls:
    """The calls of one Asterisk.

    Args:
        tap: its settings.
        agents: who is an agent: a channel ``PJSIP/2001-…`` is of who has ``sip:2001@…`` or the id 2001.
        media: ``host:port`` of our AudioSocket server, as Asterisk reaches it.
        new_token: makes the UUID of an expected connection; nobody may be able to guess it.
    """

    def __init__(self, tap: Tap, agents: Sequence[Agent], media: str, new_token: Callable[[], UUID]) -> None:
        self._tap, self._media, self._new_token = tap, media, new_token
        self._agents = routing.agents_by_name(agents)
        self._channels: dict[str, _Channel] = {}
        self._calls: dict[str, _Call] = {}

    @property
    def live(self) -> int:
        """Calls that are listened to."""
        return len(self._calls)

    def know(self, agents: Sequence[Agent]) -> None:
        """Use these agents for the calls to come."""
        self._agents = routing.agents_by_name(agents)

    def seen(self, channels: object, bridges: object) -> list[Command]:
        """What ARI lists when we connect: calls that are going on are listened to from now on."""
        commands: list[Command] = []
        for channel in channels if isinstance(channels, list) else []:
            channel_id = self._learn(channel)
            if channel_id.startswith(_OWN):
                # Of a predecessor that was killed: nobody listens at its other end.
                commands.append(Ask("DELETE", f"/channels/{channel_id}", {}, ""))
        for bridge in bridges if isinstance(bridges, list) else []:
            name = str(bridge.get("id", "")) if isinstance(bridge, dict) else ""
            if name.startswith(_OWN):
                commands.append(Ask("DELETE", f"/bridges/{name}", {}, ""))
            else:
                commands += self._bridged(bridge)
        return commands

    def give_up(self) -> list[Command]:
        """We stop: nothing of ours may stay behind in Asterisk."""
        return [command for customer in list(self._calls) for command in self._stop(customer)]

    def lost(self) -> list[Command]:
        """The connection to ARI broke: what was asked for dies with the channels, or is found again by `seen`."""
        commands = [command for call in self._calls.values() for command in _forget(call)]
        self._calls.clear()
        self._channels.clear()
        return commands

    def failed(self, call: str) -> list[Command]:
        """A request for this call was refused."""
        return self._stop(call)

    def heard(self, event: Mapping[str, Any]) -> list[Command]:
        """One event of ARI."""
        channel = event.get("channel")
        channel_id = self._learn(channel)
        match event.get("type"):
            case "ChannelEnteredBridge":
                return self._bridged(event.get("bridge"))
            case "ChannelLeftBridge" | "ChannelHangupRequest":
                return self._left(channel_id)
            case "ChannelDestroyed":
                commands = self._left(channel_id)
                self._channels.pop(channel_id, None)
                return commands
            case "StasisStart":
                return self._in_stasis(channel_id)
            case _:
                return []

    # --- parts ---------------------------------------------------------------------------------------------------

    def _learn(self, channel: object) -> str:
        if not isinstance(channel, dict) or not isinstance(channel.get("id"), str):
            return ""
        channel_id: str = channel["id"]
        if channel_id not in self._channels and len(self._channels) >= _MAX_CHANNELS:
            return channel_id
        known = self._channels.setdefault(channel_id, _Channel(str(channel.get("name", ""))))
        known.name = str(channel.get("name", known.name))
        caller, plan = channel.get("caller"), channel.get("dialplan")
        if isinstance(caller, dict) and caller.get("number"):
            known.number = str(caller["number"])[:_LONGEST]
        if isinstance(plan, dict) and not known.context:
            known.context, known.exten = str(plan.get("context", "")), str(plan.get("exten", ""))[:_LONGEST]
        return channel_id

    def _bridged(self, bridge: object) -> list[Command]:
        if not isinstance(bridge, dict) or str(bridge.get("id", "")).startswith(_OWN):
            return []
        inside = bridge.get("channels")
        people = [one for one in inside if self._is_person(one)] if isinstance(inside, list) else []
        if len(people) != 2:
            return []  # a conference, or somebody is still alone
        agents = [one for one in people if self._agent(one)]
        if len(agents) != 1:
            return []
        agent = agents[0]
        customer = people[1 - people.index(agent)]
        context = self._channels[customer].context
        if customer in self._calls or (self._tap.contexts and context not in self._tap.contexts):
            return []
        return self._start(customer, agent)

    def _start(self, customer: str, agent: str) -> list[Command]:
        call = self._calls[customer] = _Call(customer, agent, (_Leg(self._new_token()), _Leg(self._new_token())))
        them = self._channels[customer]
        about = {"caller": them.number, "callee": them.exten, "agent": self._agent(agent)}
        commands: list[Command] = []
        parties: tuple[tuple[Party, str], ...] = (("customer", customer), ("agent", agent))
        for leg, (party, channel) in zip(call.legs, parties, strict=True):
            commands.append(Expect(leg.token, Begun(customer, (party,), 8000, about)))
            snoop = {"app": APP, "spy": "in", "snoopId": leg.named("snoop")}
            media = {
                "app": APP,
                "channelId": leg.named("media"),
                "external_host": self._media,
                "encapsulation": "audiosocket",
                "transport": "tcp",
                "connection_type": "client",
                "format": "slin",
                "data": str(leg.token),
            }
            commands.append(Ask("POST", f"/channels/{channel}/snoop", snoop, customer))
            commands.append(Ask("POST", "/channels/externalMedia", media, customer))
        return commands

    def _in_stasis(self, channel: str) -> list[Command]:
        for call in self._calls.values():
            for leg in call.legs:
                pair = {leg.named("snoop"), leg.named("media")}
                if channel not in pair:
                    continue
                leg.in_stasis.add(channel)
                if leg.in_stasis != pair or leg.joined:
                    return []
                leg.joined = True
                bridge = leg.named("bridge")
                return [
                    Ask("POST", f"/bridges/{bridge}", {"type": "mixing"}, call.customer),
                    Ask("POST", f"/bridges/{bridge}/addChannel", {"channel": ",".join(sorted(pair))}, call.customer),
                ]
        return []

    def _left(self, channel: str) -> list[Command]:
        for call in list(self._calls.values()):
            if channel in (call.customer, call.agent):
                return self._stop(call.customer)
        return []

    def _stop(self, customer: str) -> list[Command]:
        call = self._calls.pop(customer, None)
        if call is None:
            return []
        commands = list(_forget(call))
        for leg in call.legs:
            commands += [
                Ask("DELETE", f"/channels/{leg.named('media')}", {}, ""),
                Ask("DELETE", f"/channels/{leg.named('snoop')}", {}, ""),
                Ask("DELETE", f"/bridges/{leg.named('bridge')}", {}, ""),
            ]
        return commands

    def _is_person(self, channel: object) -> bool:
        if not isinstance(channel, str) or channel not in self._channels or channel.startswith(_OWN):
            return False
        found = _RESOURCE.match(self._channels[channel].name)
        return found is not None and found["tech"] not in _NOT_PEOPLE

    def _agent(self, channel: str) -> str:
        found = _RESOURCE.match(self._channels[channel].name)
        resource = found["resource"].partition("@")[0].lower() if found else ""
        return self._agents.get(resource, "")


def _forget(call: _Call) -> Iterator[Command]:
    return (Forget(leg.token) for leg in call.legs)
