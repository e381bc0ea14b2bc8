"""Where calls go: the first rule that fits, its rewriting, who is the customer."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.config import Settings, Trunk
from gateway.refer import Goal
from gateway.route.explain import as_json, explain
from gateway.route.plan import Plan, decide
from gateway.transfers import fenced

BASE: dict[str, Any] = {
    "data_dir": Path("/nonexistent"),
    "trunk": [
        {"name": "pbx", "host": "10.0.0.5:5070", "agent": "ana", "outbound": {"allow": ["6xx"]}, "queue": "general"},
        {
            "name": "carrier",
            "host": "sip.example.com",
            "transport": "tls",
            "srtp": "required",
            "country": "CO",
            "outbound": {"allow": ["+57"], "caller": "+576015551234"},
        },
        {"name": "spare", "host": "192.0.2.9", "country": "CO", "outbound": {"allow": ["+57"], "send": "national"}},
    ],
    "agent": [
        {"id": "ana", "sip": "sip:2001@10.0.0.5:5070", "queues": ["ventas"]},
        {"id": "luis", "sip": "sip:luis@10.0.0.32", "queues": ["ventas", "soporte"], "srtp": "optional"},
    ],
    "gateway": {"tls": {"port": 5061, "certificate": "c", "key": "k", "ca": "a"}},
}


def planned(*routes: dict[str, Any], trunk: str = "pbx", number: str = "100", caller: str = "") -> Plan:
    settings = Settings.model_validate({**BASE, "route": routes})
    return decide(settings, next(one for one in settings.trunk if one.name == trunk), number, caller)


def test_without_rules_the_trunks_agent_rings_as_ever() -> None:
    plan = planned()
    assert (plan.rule, plan.code, plan.direction, plan.queue, plan.agent) == (0, 0, "inbound", "general", "ana")
    assert [target.uri for target in plan.targets] == ["sip:2001@10.0.0.5:5070"]
    assert plan.targets[0].line == "pbx"  # an extension of the PBX is called with the trunk's credentials


def test_a_trunk_without_an_agent_and_without_a_rule_goes_nowhere() -> None:
    assert planned(trunk="carrier").code == 404


def test_the_first_rule_that_fits_counts() -> None:
    rules = (
        {"trunk": ["carrier"], "to": ["agent:luis"]},
        {"number": "1", "to": ["agent:luis"], "queue": "uno"},
        {"number": "/1../", "to": ["agent:ana"]},
        {"caller": "+57", "to": ["refuse"]},
    )
    assert (planned(*rules).rule, planned(*rules).agent, planned(*rules).queue) == (2, "luis", "uno")
    assert (planned(*rules[2:]).rule, planned(*rules[2:]).agent) == (1, "ana")
    assert planned(*rules, number="999", caller="+573001234567").code == 403
    assert planned(*rules, number="999").rule == 0
    assert planned(*rules, trunk="carrier").rule == 1


def test_a_queue_rings_its_agents_in_turn() -> None:
    plan = planned({"to": ["queue:ventas", "agent:luis"]})
    assert [target.agent for target in plan.targets] == ["ana", "luis", "luis"]
    assert (plan.queue, plan.agent, plan.targets[1].srtp) == ("ventas", "ana", "optional")


def test_outbound_the_customer_is_called() -> None:
    plan = planned(
        {"number": "9", "strip": 1, "to": ["trunk:carrier", "trunk:spare"]}, number="93001234567", caller="luis"
    )
    assert (plan.direction, plan.agent, plan.dialled) == ("outbound", "luis", "3001234567")
    first, second = plan.targets
    assert first.uri == "sip:+573001234567@sip.example.com;transport=tls"
    assert (first.srtp, first.line, first.shown) == ("required", "carrier", "+576015551234")
    assert (second.uri, second.shown) == ("sip:3001234567@192.0.2.9", "")


def test_back_to_the_pbx_the_caller_is_the_customer() -> None:
    rule = {"trunk": ["carrier"], "to": ["trunk:pbx"], "direction": "inbound", "number": "+57601555", "strip": 13}
    plan = planned({**rule, "prepend": "600", "agent": "luis"}, trunk="carrier", number="+576015551234", caller="ana")
    assert (plan.direction, plan.agent, plan.targets[0].uri) == ("inbound", "luis", "sip:600@10.0.0.5:5070")
    # A caller who calls itself like an agent is none.
    assert planned({**rule, "prepend": "600"}, trunk="carrier", number="+576015551234", caller="ana").agent == ""


def test_transfers_out_of_the_house_are_fenced() -> None:
    pbx, carrier = Settings(**BASE).trunk[:2]

    def passed(uri: str, trunk: Trunk) -> Goal | None:
        return fenced(Goal(uri, uri), trunk)[0]

    # At the carrier's host, and at an address of the carrier's that is not its host.
    for host in ("sip.example.com", "192.0.2.77:5070"):
        allowed = passed(f"sip:3001234567@{host}", carrier)
        assert allowed is not None
        assert (allowed.uri, allowed.trunk) == ("sip:+573001234567@sip.example.com;transport=tls", "carrier")
        assert passed(f"sip:+881612345678@{host}", carrier) is None
        assert passed(f"sip:00441632960000@{host}", carrier) is None
    inside = passed("sip:600@10.0.0.5:5070", pbx)
    assert inside is not None
    assert inside.trunk == "pbx"
    assert passed("sip:700@10.0.0.5:5070", pbx) is None
    # A PBX that we have no way out through decides for itself; an agent's phone is no call to a trunk.
    assert passed("sip:700@10.9.9.9", Trunk(name="plain")) == Goal("sip:700@10.9.9.9", "sip:700@10.9.9.9")
    agent = Goal("sip:luis@10.0.0.32", "sip:luis@10.0.0.32", "luis")
    assert fenced(agent, carrier) == (agent, "")


def test_the_fence_keeps_one_target_out_and_the_next_in() -> None:
    plan = planned({"to": ["trunk:carrier", "agent:ana"]}, number="+34912345678")
    assert [target.goal for target in plan.targets] == ["agent:ana"]
    assert [(name, verdict.why) for name, verdict in plan.judged] == [("carrier", "not_allowed")]
    assert planned({"to": ["trunk:carrier"]}, number="+34912345678").code == 403


@given(
    st.text("0123456789+*#ab", max_size=30),
    st.text("0123456789+ana", max_size=12),
    st.lists(
        st.fixed_dictionaries(
            {
                "to": st.lists(
                    st.sampled_from(["agent:luis", "queue:ventas", "trunk:carrier", "trunk:pbx"]),
                    min_size=1,
                    max_size=3,
                )
            },
            optional={
                "number": st.sampled_from(["", "9", "+57", "/6../", r"/\d+/"]),
                "caller": st.sampled_from(["", "a", "+"]),
                "trunk": st.sampled_from([[], ["pbx"], ["carrier", "spare"]]),
                "strip": st.integers(0, 20),
                "prepend": st.sampled_from(["", "+", "9", "+57"]),
                "direction": st.sampled_from(["", "inbound", "outbound"]),
            },
        ),
        max_size=4,
    ),
    st.sampled_from(["pbx", "carrier", "spare"]),
)
def test_any_call_goes_somewhere_or_is_refused_and_the_story_agrees(
    number: str, caller: str, routes: list[dict[str, Any]], trunk: str
) -> None:
    settings = Settings.model_validate({**BASE, "route": routes})
    source = next(one for one in settings.trunk if one.name == trunk)
    plan, steps = explain(settings, source, number, caller)
    assert plan == decide(settings, source, number, caller)
    assert bool(plan.targets) is not bool(plan.code)
    for target in plan.targets:
        if target.trunk:
            allowed = dict(plan.judged).get(target.trunk)
            assert allowed is not None
            assert allowed.passes
            user = target.uri.removeprefix("sip:").partition("@")[0]
            limits = next(one for one in settings.trunk if one.name == target.trunk).outbound
            assert user.startswith("+57") or limits.send == "national" or (len(user) == 3 and user[0] == "6")
    assert [step.key for step in steps].count("fits") == (1 if plan.rule else 0)
    assert (steps[-1].key == "refused") is bool(plan.code)
    assert as_json(plan, steps)["goes"] is not bool(plan.code)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"route": [{"to": ["agent:nobody"]}]}, "agent:nobody: no \\[\\[agent\\]\\] has that id"),
        ({"route": [{"to": ["queue:none"]}]}, "no \\[\\[agent\\]\\] has it in `queues`"),
        ({"route": [{"to": ["trunk:none"]}]}, "no \\[\\[trunk\\]\\] has that name"),
        ({"route": [{"trunk": ["none"], "to": ["refuse"]}]}, "no \\[\\[trunk\\]\\] has the name 'none'"),
        ({"route": [{"to": ["refuse", "agent:ana"]}]}, "refuse stands alone"),
        ({"route": [{"to": []}]}, "names nobody"),
        ({"route": [{"to": ["agent:ana"], "agent": "eva"}]}, "'eva' is in no"),
        ({"route": [{"to": ["ana"]}]}, 'must be "agent:ID"'),
        ({"route": [{"to": ["agent:ana"], "number": "/(/"}]}, "no regular expression"),
        ({"trunk": [{"name": "a", "agent": "ana"}, {"name": "a", "agent": "ana"}]}, "two \\[\\[trunk\\]\\]"),
        ({"trunk": [{"name": "a", "agent": "ana"}], "route": [{"to": ["trunk:a"]}]}, "no host to send calls to"),
        ({"trunk": [{"name": "a", "host": "h"}], "route": [{"to": ["trunk:a"]}]}, "nothing may be called there"),
        ({"trunk": [{"name": "a", "outbound": {"allow": ["+57"]}}]}, "needs the host"),
        ({"trunk": [{"name": "a", "outbound": {"allow": ["57 1"]}}]}, "prefix such as"),
        ({"trunk": [{"name": "a", "registration": True}]}, "the host to register with"),
        ({"trunk": [{"name": "a", "registration": True, "host": "h"}]}, "user and secret"),
        ({"trunk": [{"name": "a", "challenge": True, "user": "u"}]}, "challenge needs user and secret"),
        ({"trunk": [{"name": "a", "transport": "tls"}], "gateway": {}}, "gateway.tls"),
        ({"trunk": [{"name": "a", "country": "Colombia"}]}, "two letters"),
        ({"trunk": [{"name": "a", "host": "sip:h"}]}, "without sip:"),
        ({"gateway": {"tls": {"port": 5061}}}, "gateway.tls.certificate"),
        ({"gateway": {"tls": {"port": 5061, "certificate": "c", "key": "k"}}}, "gateway.tls.ca"),
    ],
)
def test_wrong_settings_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, says: str) -> None:
    from assist import config
    from assist.errors import ConfigError

    data = {**BASE, "data_dir": tmp_path, **change}
    monkeypatch.setattr("tomllib.loads", lambda text: data)
    path = tmp_path / "a.toml"
    path.write_text("")
    with pytest.raises(ConfigError, match=says):
        config.load(path)


def test_the_settings_above_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assist import config

    monkeypatch.setattr("tomllib.loads", lambda text: {**BASE, "route": [{"to": ["trunk:carrier", "queue:ventas"]}]})
    path = tmp_path / "a.toml"
    path.write_text("")
    assert isinstance(config.load(path).trunk[0], Trunk)
