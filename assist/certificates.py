"""Whether a certificate will do, before a process that needs it is started."""

import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assist.errors import ConfigError

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says of itself."""

    ends: datetime


def check_certificate(certificate: Path | None, key: Path | None, ca: Path | None = None) -> Certificate:
    """Read a certificate with its key, and the authorities' file.

    Raises:
        ConfigError: a file is missing or no PEM, the key is another's, the certificate has run out or is not yet valid.
    """
    if certificate is None or key is None:
        raise ConfigError("a certificate needs its key: set both files")
    for path in (certificate, key, *([ca] if ca else [])):
        try:
            path.read_bytes()
        except OSError as err:
            raise ConfigError(
                f"{path}: can't be read ({err.strerror}); check the path and the service user's rights"
            ) from None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as err:
        other = "KEY_VALUES_MISMATCH" in str(err.reason)
        remedy = "give the key that the certificate was made with" if other else "both must be PEM, the key unencrypted"
        raise ConfigError(f"{certificate} and {key} don't go together ({err.reason or err}); {remedy}") from None
    if ca is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca)
        except ssl.SSLError as err:
            raise ConfigError(
                f"{ca}: holds no certificates of authorities ({err.reason or err}); it must be PEM"
            ) from None
    return _shown(server, certificate)


def _shown(server: ssl.SSLContext, certificate: Path) -> Certificate:
    """Its dates, as a client reads them that trusts this very certificate: a handshake without a network."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    first = _PEM.search(certificate.read_text(encoding="ascii", errors="replace"))
    client.load_verify_locations(cadata=first[0] if first else "")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    done = False
    while not done:
        done = True
        for end in (one, other):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                done = False
            except ssl.SSLCertVerificationError as err:
                raise ConfigError(f"{certificate}: {err.verify_message}; renew it") from None
    told = one.getpeercert() or {}
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)
    return Certificate(ends)
