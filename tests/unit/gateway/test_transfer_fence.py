"""A transfer is a call like any other to the fence against toll fraud."""

import pytest

from assist.config import Outbound, Trunk
from gateway.refer import Goal
from gateway.transfers import fenced

LIMITS = Outbound(allow=("+57", "7xx"), block=("+57601",))
PROVIDER = Trunk(name="claro", agent="ana", host="sip.example.net", country="CO", outbound=LIMITS)


@pytest.mark.parametrize(
    ("uri", "dialled", "why"),
    [
        ("sip:3001234567@10.0.0.1", "sip:+573001234567@sip.example.net", ""),
        ("sip:700@10.0.0.1", "sip:700@sip.example.net", ""),
        ("sip:+19005551234@10.0.0.1", "", "not_allowed"),
        ("sip:+576011234567@10.0.0.1", "", "blocked"),
        ("sip:bea@10.0.0.1", "", "unreadable"),
    ],
)
def test_through_a_trunk_with_a_host_only_what_it_allows(uri: str, dialled: str, why: str) -> None:
    goal, reason = fenced(Goal(uri, uri), PROVIDER)
    assert ((goal.uri, goal.trunk) if goal else ("", ""), reason) == ((dialled, "claro" if dialled else ""), why)


def test_an_agent_and_a_pbx_without_a_host_are_not_fenced() -> None:
    agent = Goal("sip:bea@10.0.0.9", "sip:bea@10.0.0.9", "bea")
    assert fenced(agent, PROVIDER) == (agent, "")
    extension = Goal("sip:+19005551234@10.0.0.1", "sip:+19005551234@10.0.0.1")
    assert fenced(extension, Trunk(name="pbx", agent="ana")) == (extension, "")
