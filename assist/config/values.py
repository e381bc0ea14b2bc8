"""What a single value in the settings may be."""

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from assist import dial

Port = Annotated[int, Field(ge=0, le=65535)]

_OWN_HEADERS = (
    *("via", "from", "to", "contact", "call-id", "cseq", "route", "record-route", "max-forwards", "content-length"),
    *(
        "content-type",
        "require",
        "supported",
        "allow",
        "replaces",
        "refer-to",
        "referred-by",
        "session-expires",
        "min-se",
    ),
    *(
        "authorization",
        "proxy-authorization",
        "rack",
        "rseq",
        "event",
        "v",
        "f",
        "t",
        "m",
        "i",
        "l",
        "c",
        "k",
        "r",
        "b",
    ),
    *("x", "u", "e", "o", "s", "user-agent", "expires", "privacy", "p-asserted-identity", "remote-party-id"),
)


def network_value(value: str) -> str:
    ipaddress.ip_network(value)
    return value


def header_value(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+\*?", value):
        raise ValueError(f'{value!r} is no header field\'s name; write for example "X-*" or "User-to-User"')
    name = value.lower().rstrip("*")
    if any(own == name or (value.endswith("*") and own.startswith(name)) for own in _OWN_HEADERS):
        raise ValueError(f"{value!r} would hand on a header field that belongs to one dialog, such as Via or Contact")
    return value


def sip_uri_value(value: str) -> str:
    if not value.startswith(("sip:", "sips:")):
        raise ValueError("must be a SIP URI such as sip:ana@10.0.0.5:5060")
    return value


def host_value(value: str) -> str:
    if value and not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?", value):
        raise ValueError("must be a host or host:port, such as sip.example.com or 10.0.0.5:5080, without sip:")
    return value


def contact_value(value: str) -> str:
    return sip_uri_value(value) if value else value


def secret_value(value: str) -> str:
    scheme, _, rest = value.partition(":")
    if value and (scheme not in ("file", "env") or not rest):
        raise ValueError("must be file:/path/of/the/secret or env:NAME_OF_A_VARIABLE, not the secret itself")
    return value


def country_value(value: str) -> str:
    if not value:
        return value
    from phonenumbers import SUPPORTED_REGIONS  # brings tables that only trunks with a country need

    if value not in SUPPORTED_REGIONS:
        raise ValueError("must be a country's two letters (ISO 3166-1), such as CO, MX or AR")
    return value


def pattern_value(value: str) -> str:
    dial.compile_pattern(value)
    return value


def allowance_value(value: str) -> str:
    if not dial.is_allowance(value):
        raise ValueError("must be a prefix such as +57 or +5491, or a whole number without + such as 112 or 6xx")
    return value


def goal_value(value: str) -> str:
    kind, _, name = value.partition(":")
    if value != "refuse" and (kind not in ("agent", "queue", "trunk") or not name):
        raise ValueError('must be "agent:ID", "queue:NAME", "trunk:NAME" or "refuse"')
    return value


def dialable_value(value: str) -> str:
    if value and not dial.is_dialable(value):
        raise ValueError("must be digits, with + in front where it is an international number")
    return value


Srtp = Literal["off", "optional", "required"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
