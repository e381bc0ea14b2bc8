"""Certificates for one test: an authority and what it signs, made with the openssl command."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """PEM files of a certificate and its key."""

    certificate: Path
    key: Path


class TestAuthority:
    """Signs certificates for loopback; nobody outside the test trusts it."""

    __test__ = False

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self.name = name
        self.own = Pair(folder / f"{name}.pem", folder / f"{name}.key")
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN=Test {name}", "-days", "2"),
            *("-keyout", str(self.own.key), "-out", str(self.own.certificate)),
        )

    def sign(self, name: str, *, host: str = "127.0.0.1", expired: bool = False) -> Pair:
        """A certificate made out to ``host``; ``expired``: it ended yesterday."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request, more = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        more.write_text(f"subjectAltName=IP:{host}\n")
        _openssl(
            *("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}"),
            *("-keyout", str(pair.key), "-out", str(request)),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.own.certificate), "-CAkey", str(self.own.key)),
            *("-CAcreateserial", "-days", "-1" if expired else "2", "-extfile", str(more)),
            *("-out", str(pair.certificate)),
        )
        return pair


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
