"""Who may open a media stream."""

import base64
import hashlib
import hmac

import pytest

from gateway.errors import AccessError
from gateway.taps.access import check_audiohook, check_secret, check_twilio

NOW = 1_700_000_000.0
KEY, SECRET = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh", b"a client secret of 32 bytes long"
TARGET = "/genesys?agent=ana"


def test_a_shared_secret_comes_in_one_of_three_ways() -> None:
    basic = base64.b64encode(b"anyone:s3cret").decode()
    check_secret("s3cret", {"authorization": "Bearer s3cret"}, {})
    check_secret("s3cret", {"authorization": f"Basic {basic}"}, {})
    check_secret("s3cret", {}, {"token": "s3cret"})


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, {}),
        ({"authorization": "Bearer other"}, {}),
        ({"authorization": "Bearer "}, {"token": ""}),
        ({"authorization": "Basic !!!"}, {}),
        ({"authorization": "Basic czNjcmV0"}, {}),
        ({}, {"token": "S3CRET"}),
    ],
)
def test_anything_else_is_refused(headers: dict[str, str], query: dict[str, str]) -> None:
    with pytest.raises(AccessError):
        check_secret("s3cret", headers, query)


def test_twilio_signs_the_address_it_was_given() -> None:
    url = "wss://calls.example.com/twilio"
    signature = base64.b64encode(hmac.new(b"12345", url.encode(), hashlib.sha1).digest()).decode()
    check_twilio("12345", url, {"x-twilio-signature": signature})
    for secret, address, given in (("12346", url, signature), ("12345", url + "/", signature), ("12345", url, "")):
        with pytest.raises(AccessError, match="X-Twilio-Signature"):
            check_twilio(secret, address, {"x-twilio-signature": given})


def signed(
    *,
    secret: bytes = SECRET,
    created: float = NOW,
    nonce: str = "VGhpc0lzQVVuaXF1ZU5vbmNl",
    key: str = KEY,
    names: tuple[str, ...] = (
        "@request-target",
        "@authority",
        "audiohook-organization-id",
        "audiohook-session-id",
        "audiohook-correlation-id",
        "x-api-key",
    ),
    extra: str = "",
) -> dict[str, str]:
    """Headers of a request as the protocol's reference describes its signature."""
    headers = {
        "host": "calls.example.com",
        "audiohook-organization-id": "o",
        "audiohook-session-id": "s",
        "audiohook-correlation-id": "c",
        "x-api-key": KEY,
    }
    covered = " ".join(f'"{name}"' for name in names)
    parameters = f'({covered});keyid="{key}";nonce="{nonce}";alg="hmac-sha256";created={int(created)}{extra}'
    values = {"@request-target": TARGET, "@authority": headers["host"], **headers}
    base = "\n".join([f'"{name}": {values[name]}' for name in names] + [f'"@signature-params": {parameters}'])
    digest = base64.b64encode(hmac.new(secret, base.encode(), hashlib.sha256).digest()).decode()
    return {**headers, "signature-input": f"sig1={parameters}", "signature": f"sig1=:{digest}:"}


def test_genesys_signs_the_request() -> None:
    check_audiohook(KEY, SECRET, TARGET, signed(), NOW + 2)
    check_audiohook(KEY, SECRET, TARGET, signed(extra=f";expires={int(NOW) + 10}"), NOW + 2)


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({**signed(), "x-api-key": "other"}, "not this tap's"),
        ({**signed(), "signature": ""}, "no signature"),
        ({**signed(), "signature-input": "sig1=(();"}, "no signature"),
        (signed(secret=b"wrong"), "signature is wrong"),
        ({**signed(), "audiohook-session-id": "other"}, "signature is wrong"),
        ({**signed(), "host": "elsewhere.example.com"}, "signature is wrong"),
        (signed(names=("@request-target", "@authority", "x-api-key")), "does not cover"),
        (signed(created=NOW - 60), "not of now"),
        (signed(created=NOW + 60), "not of now"),
        (signed(nonce="short"), "nonce"),
        (signed(key="other"), "another key"),
        (signed(extra=f";expires={int(NOW) - 60}"), "expired"),
    ],
)
def test_what_genesys_did_not_sign_is_refused(headers: dict[str, str], error: str) -> None:
    with pytest.raises(AccessError, match=error):
        check_audiohook(KEY, SECRET, TARGET, headers, NOW)


def test_a_request_to_another_place_is_refused() -> None:
    with pytest.raises(AccessError, match="signature is wrong"):
        check_audiohook(KEY, SECRET, "/genesys?agent=other", signed(), NOW)
