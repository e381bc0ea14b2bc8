"""Settings: TOML read once at start, checked as a whole, unknown keys fatal.

The file is the first of ``--config``, ``$APUNTADOR_CONFIG``, ``./apuntador.toml``, ``/etc/apuntador/apuntador.toml``
that exists; without any, the defaults run everything on loopback. ``APUNTADOR_<SECTION>__<KEY>`` in the environment
overrides a key. Secrets are never values here: they are files or are made by ``apuntador up``.
"""

from assist.config.conversation import (
    Asr,
    Cdr,
    Hub,
    Knowledge,
    Log,
    Nats,
    Playbook,
    Scorecard,
    Store,
    Summary,
    SummaryLlm,
    Tags,
)
from assist.config.files import find_config, load, read_secret
from assist.config.reference import reference
from assist.config.settings import Settings, booths, default_data_dir, leads_of
from assist.config.telephony import (
    LEADS_PER_BOOTH,
    Agent,
    Booth,
    Edge,
    Gateway,
    Lead,
    Outbound,
    Route,
    Survey,
    SurveyQuestion,
    Tap,
    Taps,
    Tls,
    Trunk,
)
from assist.config.values import Port, Srtp

__all__ = [
    "LEADS_PER_BOOTH",
    "Agent",
    "Asr",
    "Booth",
    "Cdr",
    "Edge",
    "Gateway",
    "Hub",
    "Knowledge",
    "Lead",
    "Log",
    "Nats",
    "Outbound",
    "Playbook",
    "Port",
    "Route",
    "Scorecard",
    "Settings",
    "Srtp",
    "Store",
    "Summary",
    "SummaryLlm",
    "Survey",
    "SurveyQuestion",
    "Tags",
    "Tap",
    "Taps",
    "Tls",
    "Trunk",
    "booths",
    "default_data_dir",
    "find_config",
    "leads_of",
    "load",
    "read_secret",
    "reference",
]
