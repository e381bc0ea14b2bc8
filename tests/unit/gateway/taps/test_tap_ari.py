"""Which calls of an Asterisk are listened to, and what is asked of ARI for them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from assist.config import Agent, Tap
from gateway.taps.ari import AriCalls, Ask, Command, Expect, Forget
from gateway.taps.stream import Begun

TAP = Tap(name="pbx", protocol="ari", url="http://127.0.0.1:8088/ari", api_key="apuntador", secret="env:X", agent="ana")
AGENTS = (Agent(id="ana", sip="sip:2001@10.0.0.5"), Agent(id="luis", sip="sip:luis@10.0.0.6"))
ONE, TWO = UUID(int=1), UUID(int=2)


def channel(channel_id: str, name: str, number: str = "", context: str = "from-trunk") -> dict[str, Any]:
    return {
        "id": channel_id,
        "name": name,
        "caller": {"number": number, "name": ""},
        "dialplan": {"context": context, "exten": "900"},
    }


CUSTOMER, AGENT = channel("1.1", "PJSIP/carrier-0000000a", "+573001234567"), channel("1.2", "PJSIP/2001-0000000b")


def bridge(*channels: str, name: str = "b1") -> dict[str, Any]:
    return {"id": name, "channels": list(channels)}


@pytest.fixture
def calls() -> AriCalls:
    tokens = iter([ONE, TWO, UUID(int=3), UUID(int=4)])
    return AriCalls(TAP, AGENTS, "10.0.0.20:9092", lambda: next(tokens))


def enter(calls: AriCalls, who: dict[str, Any], *inside: str) -> list[Command]:
    return calls.heard({"type": "ChannelEnteredBridge", "bridge": bridge(*inside), "channel": who})


def asked(commands: Sequence[Command]) -> list[str]:
    return [f"{one.method} {one.path}" for one in commands if isinstance(one, Ask)]


def test_a_customer_and_an_agent_in_a_bridge_are_listened_to(calls: AriCalls) -> None:
    assert enter(calls, CUSTOMER, "1.1") == []
    commands = enter(calls, AGENT, "1.1", "1.2")
    about = {"caller": "+573001234567", "callee": "900", "agent": "ana"}
    assert [one for one in commands if isinstance(one, Expect)] == [
        Expect(ONE, Begun("1.1", ("customer",), 8000, about)),
        Expect(TWO, Begun("1.1", ("agent",), 8000, about)),
    ]
    assert asked(commands) == [
        "POST /channels/1.1/snoop",
        "POST /channels/externalMedia",
        "POST /channels/1.2/snoop",
        "POST /channels/externalMedia",
    ]
    snoop, media = [one for one in commands if isinstance(one, Ask)][:2]
    assert (snoop.params["spy"], snoop.params["snoopId"]) == ("in", f"apuntador-{ONE}-snoop")
    assert (media.params["external_host"], media.params["data"]) == ("10.0.0.20:9092", str(ONE))
    assert enter(calls, AGENT, "1.1", "1.2") == []
    assert calls.live == 1


def test_a_leg_is_joined_once_both_its_channels_are_in_stasis(calls: AriCalls) -> None:
    enter(calls, CUSTOMER, "1.1")
    enter(calls, AGENT, "1.1", "1.2")
    snoop, media = (
        channel(f"apuntador-{ONE}-snoop", "Snoop/1.1-00000001"),
        channel(f"apuntador-{ONE}-media", "AudioSocket/x"),
    )
    assert calls.heard({"type": "StasisStart", "channel": snoop}) == []
    commands = calls.heard({"type": "StasisStart", "channel": media})
    assert asked(commands) == [
        f"POST /bridges/apuntador-{ONE}-bridge",
        f"POST /bridges/apuntador-{ONE}-bridge/addChannel",
    ]
    assert calls.heard({"type": "StasisStart", "channel": media}) == []
    ours = {"id": f"apuntador-{ONE}-bridge", "channels": [snoop["id"], media["id"]]}
    assert calls.heard({"type": "ChannelEnteredBridge", "bridge": ours, "channel": media}) == []


@pytest.mark.parametrize(
    ("who", "inside"),
    [
        (channel("1.3", "PJSIP/trunk2-0000000c"), ("1.1", "1.3")),  # two customers
        (AGENT, ("1.1", "1.2", "1.9")),  # a conference with somebody we know: see below
        (channel("1.4", "Snoop/1.1-0000000d"), ("1.1", "1.4")),
        (channel("1.5", "PJSIP/20011-0000000e"), ("1.1", "1.5")),
    ],
)
def test_other_bridges_are_left_alone(calls: AriCalls, who: dict[str, Any], inside: tuple[str, ...]) -> None:
    calls.heard({"type": "ChannelCreated", "channel": channel("1.9", "PJSIP/other-0000000f")})
    enter(calls, CUSTOMER, "1.1")
    assert enter(calls, who, *inside) == []


def test_two_agents_talk_among_themselves(calls: AriCalls) -> None:
    enter(calls, AGENT, "1.2")
    assert enter(calls, channel("1.3", "SIP/luis-0000000c"), "1.2", "1.3") == []


def test_contexts_choose_calls() -> None:
    tap = TAP.model_copy(update={"contexts": ("support",)})
    calls = AriCalls(tap, AGENTS, "h:1", iter([ONE, TWO]).__next__)
    enter(calls, CUSTOMER, "1.1")
    assert enter(calls, AGENT, "1.1", "1.2") == []
    enter(calls, channel("1.6", "PJSIP/carrier-0000000d", context="support"), "1.6")
    assert len(enter(calls, channel("1.7", "Local/2001@queue-0000000e;1"), "1.6", "1.7")) == 6


@pytest.mark.parametrize("kind", ["ChannelLeftBridge", "ChannelDestroyed", "ChannelHangupRequest"])
@pytest.mark.parametrize("who", [CUSTOMER, AGENT], ids=["customer", "agent"])
def test_whoever_leaves_ends_it_and_nothing_stays_behind(calls: AriCalls, kind: str, who: dict[str, Any]) -> None:
    enter(calls, CUSTOMER, "1.1")
    enter(calls, AGENT, "1.1", "1.2")
    commands = calls.heard({"type": kind, "channel": who})
    assert [one.token for one in commands if isinstance(one, Forget)] == [ONE, TWO]
    assert asked(commands) == [
        f"DELETE /{part}"
        for token in (ONE, TWO)
        for part in (
            f"channels/apuntador-{token}-media",
            f"channels/apuntador-{token}-snoop",
            f"bridges/apuntador-{token}-bridge",
        )
    ]
    assert calls.heard({"type": kind, "channel": who}) == []
    assert calls.live == 0


def test_calls_that_go_on_when_we_connect_are_found_again(calls: AriCalls) -> None:
    commands = calls.seen([CUSTOMER, AGENT], [bridge("1.1", "1.2")])
    assert len(asked(commands)) == 4
    assert [one.token for one in calls.lost() if isinstance(one, Forget)] == [ONE, TWO]
    assert len(asked(calls.seen([CUSTOMER, AGENT], [bridge("1.1", "1.2")]))) == 4


def test_what_a_killed_predecessor_left_is_cleared_away(calls: AriCalls) -> None:
    left = channel("apuntador-x-snoop", "Snoop/1.1-00000001")
    commands = calls.seen(
        [left, CUSTOMER, AGENT], [bridge("apuntador-x-snoop", name="apuntador-x-bridge"), bridge("1.1")]
    )
    assert asked(commands) == ["DELETE /channels/apuntador-x-snoop", "DELETE /bridges/apuntador-x-bridge"]


def test_stopping_leaves_nothing_behind(calls: AriCalls) -> None:
    calls.seen([CUSTOMER, AGENT], [bridge("1.1", "1.2")])
    assert [line.split()[0] for line in asked(calls.give_up())] == ["DELETE"] * 6
    assert calls.give_up() == []


def test_a_refused_request_gives_the_call_up(calls: AriCalls) -> None:
    calls.seen([CUSTOMER, AGENT], [bridge("1.1", "1.2")])
    assert len(calls.failed("1.1")) == 8
    assert calls.failed("1.1") == []


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": "ChannelEnteredBridge"},
        {"type": "ChannelEnteredBridge", "bridge": {"channels": [1, None]}, "channel": 7},
        {"type": "StasisStart", "channel": {"id": 3}},
        {"type": "ChannelDestroyed", "channel": {"id": "x", "caller": 1, "dialplan": []}},
    ],
)
def test_strange_events_mean_nothing(calls: AriCalls, event: dict[str, Any]) -> None:
    assert calls.heard(event) == []
