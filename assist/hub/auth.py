"""Who may connect: opaque random tokens, kept only as SHA-256 in ``<data_dir>/tokens.json``.

A token has 256 random bits, so a plain hash is enough: there is nothing to guess and nothing to salt. The file is
read again when it changes, so a token made or revoked by ``apuntador token`` counts at once.
"""

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from assist.errors import AuthError

Role: TypeAlias = Literal["agent", "lead", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
_PREFIX: Final = "apt_"
_FILE: Final = "tokens.json"
_HOW: Final = "make one with: apuntador token create"


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever holds a token. ``subject`` is the agent id or the lead's name, ``token_id`` names the token."""

    role: Role
    subject: str
    token_id: str


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One line of the file. ``created`` and ``expires`` are seconds UTC; ``digest`` is SHA-256 in hex."""

    id: str
    role: Role
    subject: str
    created: float
    expires: float | None
    digest: str


class TokenStore:
    """The tokens of one installation."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._stamp: tuple[int, int, int] | None = None
        self._tokens: tuple[StoredToken, ...] = ()

    @classmethod
    def in_dir(cls, data_dir: Path) -> "TokenStore":
        """The store of the installation whose data lie in ``data_dir``."""
        return cls(data_dir / _FILE)

    def create(self, role: Role, subject: str, *, days: float | None = None) -> tuple[str, StoredToken]:
        """Make a token; the returned text is the only copy there will ever be.

        Raises:
            AuthError: no subject, or the file can't be written.
        """
        if not subject.strip():
            raise AuthError("a token needs a subject: the agent's id, or a name for a lead or admin")
        now = self._clock()
        secret = _PREFIX + secrets.token_urlsafe(32)
        token = StoredToken(
            id=secrets.token_hex(4),
            role=role,
            subject=subject.strip(),
            created=now,
            expires=now + days * 86400 if days is not None else None,
            digest=_digest(secret),
        )
        self._write((*self.tokens(), token))
        return secret, token

    def revoke(self, token_id: str) -> StoredToken:
        """Take a token back.

        Raises:
            AuthError: there is no such token, or the file can't be written.
        """
        tokens = self.tokens()
        for token in tokens:
            if token.id == token_id:
                self._write(tuple(other for other in tokens if other.id != token_id))
                return token
        raise AuthError(f"no token has id {token_id!r}; see: apuntador token list")

    def tokens(self) -> tuple[StoredToken, ...]:
        """All tokens, the expired too, oldest first.

        Raises:
            AuthError: the file can't be read or is damaged.
        """
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._tokens = None, ()
            return ()
        except OSError as err:
            raise AuthError(f"{self._path} can't be read: {err}") from None
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if stamp != self._stamp:
            self._tokens = self._read()
            self._stamp = stamp
        return self._tokens

    def check(self, secret: str) -> Principal:
        """Whoever holds ``secret``.

        Raises:
            AuthError: no token, an unknown or an expired one.
        """
        if not secret:
            raise AuthError(f"no token: send 'Authorization: Bearer <token>'; {_HOW}")
        digest = _digest(secret)
        found: StoredToken | None = None
        for token in self.tokens():
            # Every line is compared in full, so the time tells nothing about which one came close.
            if hmac.compare_digest(token.digest, digest):
                found = token
        if found is None:
            raise AuthError(f"unknown or revoked token; {_HOW}")
        if self._expired(found):
            raise AuthError(f"token {found.id} has expired; {_HOW} --role {found.role} --subject {found.subject}")
        return Principal(found.role, found.subject, found.id)

    def still_valid(self, principal: Principal) -> bool:
        """Whether the token ``principal`` came with has been neither revoked nor outlived.

        A file that can't be read takes nobody's screen away in the middle of a call.
        """
        try:
            token = next((token for token in self.tokens() if token.id == principal.token_id), None)
        except AuthError:
            return True
        return token is not None and not self._expired(token)

    def _expired(self, token: StoredToken) -> bool:
        return token.expires is not None and token.expires <= self._clock()

    def _read(self) -> tuple[StoredToken, ...]:
        try:
            rows: list[dict[str, Any]] = json.loads(self._path.read_text(encoding="utf-8"))["tokens"]
            tokens = tuple(StoredToken(**row) for row in rows)
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise AuthError(f"{self._path} can't be read ({err}); restore it, or delete it and make new") from None
        if any(token.role not in ROLES for token in tokens):
            raise AuthError(f"{self._path} has a token with an unknown role; known: {', '.join(ROLES)}")
        return tokens

    def _write(self, tokens: tuple[StoredToken, ...]) -> None:
        text = json.dumps({"tokens": [asdict(token) for token in tokens]}, indent=1)
        temporary = ""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # mkstemp makes the file readable by its owner only; the rename keeps that.
            handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".tokens-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self._path)
        except OSError as err:
            if temporary:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
            raise AuthError(f"{self._path} can't be written: {err}") from None


def bearer(header: str | None) -> str:
    """The token in an ``Authorization`` header, empty when there is none (RFC 6750, section 2.1)."""
    scheme, _, value = (header or "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
