"""Who may open a media stream: shared secrets, Twilio's and Genesys' signatures. Pure; comparisons take constant time.

Sources: RFC 7617 (Basic) and 6750 (Bearer); Twilio, "Webhooks security" (HMAC-SHA1 of the URL, base64); Genesys
AudioHook, "Client authentication" (HTTP message signatures, draft-ietf-httpbis-message-signatures-11, hmac-sha256).
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from gateway.errors import AccessError

MAX_AGE_S: Final = 10.0
"""Seconds a signed AudioHook request is good for."""
SKEW_S: Final = 3.0
_LEAST_NONCE: Final = 22
_COVERED: Final = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)
"""What the signature has to cover."""
_INPUT: Final = re.compile(
    r'^\s*([a-z][a-z0-9_.*-]*)=(\(((?:"[a-z0-9@-]+" ?)*)\)'
    r'((?:;[a-z]+=(?:"[\x20-\x21\x23-\x5b\x5d-\x7e]*"|\d{1,15}))*))\s*$'
)
_PARAMETER: Final = re.compile(r';([a-z]+)=(?:"([^"]*)"|(\d+))')
_SIGNATURE: Final = re.compile(r"^\s*([a-z][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]+):\s*$")


def check_secret(secret: str, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
    """A shared secret as Bearer token, Basic password or ``token`` of the query.

    Args:
        secret: the tap's secret.
        headers: by lower-case name.
        query: parameters of the request's URI.

    Raises:
        AccessError: none of the three is right.
    """
    given = query.get("token", "")
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        given = value.strip()
    elif scheme.lower() == "basic":
        try:
            given = base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            given = ""
    if not hmac.compare_digest(given.encode(), secret.encode()):
        raise AccessError("the shared secret is missing or wrong")


def check_twilio(secret: str, url: str, headers: Mapping[str, str]) -> None:
    """``X-Twilio-Signature`` of the stream's address as Twilio knows it.

    Raises:
        AccessError: it is missing or was made with another token or for another address.
    """
    wanted = base64.b64encode(hmac.new(secret.encode(), url.encode(), hashlib.sha1).digest())
    if not hmac.compare_digest(headers.get("x-twilio-signature", "").encode(), wanted):
        raise AccessError(f"X-Twilio-Signature is not that of {url}; check the tap's secret and its url")


def check_audiohook(key: str, secret: bytes, target: str, headers: Mapping[str, str], now: float) -> None:
    """API key and signature of an AudioHook request.

    Args:
        key: the API key of the integration.
        secret: the client secret, decoded.
        target: path and query of the request.
        headers: by lower-case name; ``host`` is the authority that was signed.
        now: UTC seconds.

    Raises:
        AccessError: wrong key, unsigned, a signature of something else, or too old.
    """
    if not hmac.compare_digest(headers.get("x-api-key", "").encode(), key.encode()):
        raise AccessError("X-API-KEY is not this tap's")
    asked, signed = _INPUT.match(headers.get("signature-input", "")), _SIGNATURE.match(headers.get("signature", ""))
    if asked is None or signed is None or asked[1] != signed[1]:
        raise AccessError("the request carries no signature that can be read; set a client secret in the integration")
    names = re.findall(r'"([^"]+)"', asked[3])
    if len(set(names)) != len(names) or not set(_COVERED) <= set(names):
        raise AccessError("the signature does not cover what it has to")
    parameters = {name: text or number for name, text, number in _PARAMETER.findall(asked[4])}
    _check_age(parameters, key, now)
    lines = []
    for name in names:
        value = {"@request-target": target, "@authority": headers.get("host", "")}.get(name, headers.get(name))
        if value is None or (name.startswith("@") and name not in _COVERED):
            raise AccessError(f"the signature covers {name}, which the request lacks")
        lines.append(f'"{name}": {value.strip()}')
    lines.append(f'"@signature-params": {asked[2]}')
    wanted = hmac.new(secret, "\n".join(lines).encode(), hashlib.sha256).digest()
    try:
        given = base64.b64decode(signed[2], validate=True)
    except binascii.Error:
        given = b""
    if not hmac.compare_digest(given, wanted):
        raise AccessError("the signature is wrong; check the client secret, and that the proxy keeps the Host header")


def _check_age(parameters: Mapping[str, str], key: str, now: float) -> None:
    if parameters.get("alg", "hmac-sha256") != "hmac-sha256":
        raise AccessError("the signature is not hmac-sha256")
    if parameters.get("keyid") != key:
        raise AccessError("the signature was made with another key")
    if len(parameters.get("nonce", "")) < _LEAST_NONCE:
        raise AccessError("the signature has no nonce, or too short a one")
    created, expires = parameters.get("created", ""), parameters.get("expires", "")
    if not created.isdigit() or not now - MAX_AGE_S - SKEW_S <= int(created) <= now + SKEW_S:
        raise AccessError("the signature is not of now; check both clocks")
    if expires and (not expires.isdigit() or int(expires) < now - SKEW_S):
        raise AccessError("the signature has expired")
