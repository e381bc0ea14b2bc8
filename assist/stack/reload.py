"""Which of the settings that changed take a restart. Pure."""

from typing import Final

from assist.config import Settings

_AT_ONCE: Final = frozenset(
    {
        "gateway",
        "trunk",
        "route",
        "tap",
        "agent",
        "lead",
        "survey",
        "playbook",
        "tags",
        "knowledge",
        "scorecard",
        "summary",
    }
)
"""What SIGHUP takes over, all of it or (gateway, tap) in part. Anything else counts as read when a process starts."""
_GATEWAY_AT_ONCE: Final = frozenset({"ring_s", "recycle_calls", "recycle_hours"})


def needs_restart(running: Settings, new: Settings) -> list[str]:
    """Keys of ``new`` that differ from what runs and are not taken over by SIGHUP, such as ``gateway.port``."""
    found = []
    for name in sorted(type(new).model_fields.keys() - _AT_ONCE):
        before, after = getattr(running, name), getattr(new, name)
        if before == after:
            continue
        fields = getattr(type(after), "model_fields", None)
        if fields is None:
            found.append(name)
        else:
            found += [f"{name}.{key}" for key in fields if getattr(before, key) != getattr(after, key)]
    for key in type(new.gateway).model_fields:
        # New keys count as read at start until somebody says otherwise here.
        if key not in _GATEWAY_AT_ONCE and getattr(running.gateway, key) != getattr(new.gateway, key):
            found.append(f"gateway.{key}")
    doors = [[(tap.name, tap.protocol, tap.port, tap.url) for tap in one.tap] for one in (running, new)]
    if doors[0] != doors[1]:
        found.append("tap")
    if {lead.id for lead in running.lead} != {lead.id for lead in new.lead}:
        found.append("lead")
    return found
