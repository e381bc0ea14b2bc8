"""The playbook: what a call centre wants said, offered, avoided and counted. YAML or TOML in, typed objects out.

- ``model``: what may stand in it,
- ``read``: text into objects; errors name the file, the line and the remedy,
- ``check``: what is well formed and still can't be meant.

Reading the file is :mod:`assist.session.playbooks`' work.
"""

from assist.decide.playbook.model import (
    BEHAVIOURS,
    Card,
    Check,
    Disposition,
    Id,
    Moment,
    PhraseText,
    Playbook,
    Rule,
    RuleKind,
    Sensitive,
    Sentence,
    Spot,
    TagRule,
    When,
)
from assist.decide.playbook.read import json_schema, parse

__all__ = [
    "BEHAVIOURS",
    "Card",
    "Check",
    "Disposition",
    "Id",
    "Moment",
    "PhraseText",
    "Playbook",
    "Rule",
    "RuleKind",
    "Sensitive",
    "Sentence",
    "Spot",
    "TagRule",
    "When",
    "json_schema",
    "parse",
]
