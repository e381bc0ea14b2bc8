"""Which way a call goes: the first ``[[route]]`` that fits, its rewriting, the fence. A pure function.

Without a rule that fits, the trunk's agent's phone rings, as ever. A call that may go nowhere is refused: 404 where
nobody is named, 403 where a rule or the fence says no.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from assist import dial
from assist.config import Agent, Route, Settings, Srtp, Trunk
from gateway import routing
from gateway.route import fence
from gateway.route.fence import Verdict

Direction: TypeAlias = Literal["inbound", "outbound"]

FORBIDDEN: Final = 403
NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class Target:
    """One place to ring. ``line`` names the trunk whose account (credentials, transport) the INVITE is sent by."""

    goal: str
    uri: str
    srtp: Srtp = "off"
    agent: str = ""
    trunk: str = ""
    line: str = ""
    shown: str = ""
    """Number shown to who is called, in place of the caller's name and number."""
    from_host: str = ""
    """Domain in From, where it is not ours: hosts that know us by a user want their own."""
    from_user: str = ""
    """User in From, where the caller's number goes into P-Asserted-Identity (RFC 3325)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided. ``rule`` counts from 1, 0 is none; ``code`` refuses the call, 0 lets it go to ``targets``."""

    rule: int
    targets: tuple[Target, ...]
    direction: Direction = "inbound"
    queue: str = ""
    agent: str = ""
    code: int = 0
    dialled: str = ""
    """The number after strip and prepend."""
    judged: tuple[tuple[str, Verdict], ...] = ()
    """What the fence said of each trunk that was named."""

    @property
    def customer(self) -> str:
        """Number of the customer who is called, as it was understood; empty on an inbound call."""
        if self.direction == "inbound":
            return ""
        return next((verdict.read for _, verdict in self.judged if verdict.passes), "")


def decide(settings: Settings, trunk: Trunk, dialled: str, caller: str) -> Plan:
    """The way of a call.

    Args:
        settings: routes, trunks, agents.
        trunk: where the call came from.
        dialled: user part of its To.
        caller: user part of its From.
    """
    for number, route in enumerate(settings.route, 1):
        if fits(route, trunk, dialled, caller):
            return _by_rule(settings, trunk, dialled, caller, number, route)
    if not trunk.agent:
        return Plan(0, (), queue=trunk.queue, code=NOT_FOUND, dialled=dialled)
    agent = settings.agent_by_id(trunk.agent)
    return Plan(0, (phone(settings, agent),), queue=trunk.queue, agent=agent.id, dialled=dialled)


def fits(route: Route, trunk: Trunk, dialled: str, caller: str) -> bool:
    """Whether the rule is for this call."""
    return (
        (not route.trunk or trunk.name in route.trunk)
        and dial.compile_pattern(route.number)(dialled)
        and dial.compile_pattern(route.caller)(caller)
    )


def rewritten(route: Route, dialled: str) -> str:
    """The dialled number after strip and prepend."""
    return route.prepend + dialled[route.strip :]


def _by_rule(settings: Settings, trunk: Trunk, dialled: str, caller: str, rule: int, route: Route) -> Plan:
    number = rewritten(route, dialled)
    targets: list[Target] = []
    judged: list[tuple[str, Verdict]] = []
    for goal in route.to:
        kind, _, name = goal.partition(":")
        if kind == "trunk":
            target = _trunk(settings, name)
            verdict = fence.judge(target, number)
            judged.append((name, verdict))
            if verdict.passes:
                uri = at_trunk(target, verdict)
                shown = route.show or target.outbound.caller
                targets.append(Target(goal, uri, target.srtp, trunk=name, line=name, shown=shown, **_from(target)))
        elif kind == "agent":
            targets.append(phone(settings, settings.agent_by_id(name), route.show))
        elif kind == "queue":
            targets += (phone(settings, agent, route.show) for agent in settings.agent if name in agent.queues)
    direction = route.direction or ("outbound" if judged else "inbound")
    return Plan(
        rule,
        tuple(targets),
        direction,
        route.queue or next(_queues(route), trunk.queue),
        _agent(settings, trunk, route, targets, caller if direction == "outbound" else ""),
        0 if targets else FORBIDDEN,
        number,
        tuple(judged),
    )


def _queues(route: Route) -> Iterator[str]:
    return (goal.partition(":")[2] for goal in route.to if goal.startswith("queue:"))


def _agent(settings: Settings, trunk: Trunk, route: Route, targets: list[Target], caller: str) -> str:
    if targets and targets[0].agent:
        return targets[0].agent
    return route.agent or routing.agents_by_name(settings.agent).get(caller.lower(), trunk.agent)


def phone(settings: Settings, agent: Agent, shown: str = "") -> Target:
    """Where an agent is rung; ``shown`` as in :class:`Target`."""
    line, goal = reached_by(settings, agent.sip), f"agent:{agent.id}"
    if line is None:
        return Target(goal, agent.sip, agent.srtp, agent=agent.id, shown=shown)
    return Target(goal, agent.sip, line.srtp, agent=agent.id, line=line.name, shown=shown, **_from(line))


def _from(trunk: Trunk) -> dict[str, str]:
    return {
        "from_host": trunk.host if trunk.user else "",
        "from_user": trunk.user if trunk.identity == "pai" else "",
    }


def place(settings: Settings, uri: str, agent_id: str) -> Target:
    """An agent's phone, or whoever is rung back at ``uri``."""
    agent = next((one for one in settings.agent if one.id == agent_id and one.sip == uri), None)
    if agent is not None:
        return phone(settings, agent)
    line = reached_by(settings, uri)
    if line is None:
        return Target("transfer", uri)
    return Target("transfer", uri, line.srtp, line=line.name, **_from(line))


def who(target: Target, caller: str, here: tuple[str, int]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """``From`` of the INVITE to a target, and the header fields that tell who calls besides.

    Args:
        target: who is rung.
        caller: ``From`` of the call.
        here: our own address.
    """
    host = target.from_host or f"{here[0]}:{here[1]}"
    shown = routing.from_header(caller, host, shown_number=target.shown)
    if not target.from_user:
        return shown, ()
    return routing.from_header(shown, host, user=target.from_user), (("P-Asserted-Identity", shown),)


def at_trunk(trunk: Trunk, verdict: Verdict) -> str:
    """URI of the number that the fence lets pass, at the trunk."""
    return f"sip:{escaped(verdict.number)}@{trunk.host}{_parameter(trunk)}"


def reached_by(settings: Settings, uri: str) -> Trunk | None:
    """The trunk whose host ``uri`` is at, such as an extension of the PBX; it is called with its credentials."""
    host = routing.uri_host(uri)
    return next((trunk for trunk in settings.trunk if trunk.host and trunk.host == host), None)


def _trunk(settings: Settings, name: str) -> Trunk:
    return next(trunk for trunk in settings.trunk if trunk.name == name)


def _parameter(trunk: Trunk) -> str:
    return "" if trunk.transport == "udp" else f";transport={trunk.transport}"


def escaped(number: str) -> str:
    """The number as a SIP URI's user part (RFC 3261, 25.1: ``#`` is not allowed there)."""
    return number.replace("#", "%23")
