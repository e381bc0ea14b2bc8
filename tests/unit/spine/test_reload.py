"""What a reload takes over, and what it says needs a restart."""

from typing import Any

import pytest

from assist.config import Settings
from assist.stack.reload import needs_restart

AGENT = {"id": "ana", "sip": "sip:ana@10.0.0.5"}
LEAD = {"id": "marta", "sip": "sip:marta@10.0.0.6", "queues": ["*"]}
TAP = {"name": "fs", "protocol": "freeswitch", "secret": "env:X", "agent": "ana"}


def settings(**more: Any) -> Settings:
    return Settings.model_validate({"agent": [AGENT], "trunk": [{"name": "pbx", "agent": "ana"}], **more})


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        ({}, {}, []),
        ({}, {"trunk": [{"name": "other", "agent": "ana"}]}, []),
        ({}, {"gateway": {"ring_s": 20, "recycle_hours": 24}}, []),
        ({}, {"playbook": {"files": ["x.yaml"]}}, []),
        ({}, {"gateway": {"port": 5070, "workers": 9}}, ["gateway.port", "gateway.workers"]),
        ({}, {"hub": {"port": 9000}, "cdr": {"formats": []}}, ["cdr.formats", "hub.port"]),
        ({}, {"timezone": "America/Lima"}, ["timezone"]),
        ({"tap": [TAP]}, {"tap": [{**TAP, "language": "en"}]}, []),
        ({"lead": [LEAD]}, {"lead": [{**LEAD, "queues": ["a"]}]}, []),
        ({"lead": [LEAD]}, {}, ["lead"]),
        ({"tap": [TAP]}, {"tap": [{**TAP, "name": "fs2"}]}, ["tap"]),
    ],
    ids=["same", "trunk", "ring", "playbook", "ports", "sections", "zone", "tap", "lead", "lead-gone", "new-tap"],
)
def test_what_needs_a_restart(before: dict[str, Any], after: dict[str, Any], keys: list[str]) -> None:
    assert needs_restart(settings(**before), settings(**after)) == keys
