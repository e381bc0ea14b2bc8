"""Digest authentication of requests that come to us (RFC 3261, section 22; RFC 7616; RFC 8760). No I/O.

A nonce is its own proof: the time it was made and a keyed hash of it, so none has to be remembered; what is remembered,
until the nonce has run out, is which request used it, and no other may. A request that is sent again is the same one.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

REALM: Final = "apuntador"
Outcome: TypeAlias = Literal["good", "none", "stale", "wrong"]

_LIFE_S: Final = 60.0
_MOST_KNOWN: Final = 4096
_HASHES: Final[Mapping[str, Callable[[bytes], "hashlib._Hash"]]] = {"md5": hashlib.md5, "sha-256": hashlib.sha256}
_PARAMETER: Final = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


class Authority:
    """Makes challenges and judges what comes back.

    Args:
        clock: seconds; any origin, never back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._used: dict[tuple[str, str], tuple[str, float]] = {}

    def challenges(self, *, stale: bool) -> tuple[str, ...]:
        """Values of ``WWW-Authenticate``, MD5 first: old PBXs read the first one only and know no other."""
        begin = f'Digest realm="{REALM}", nonce="{self._nonce(self._clock())}", qop="auth"'
        more = ", stale=true" if stale else ""
        return tuple(f"{begin}, algorithm={name}{more}" for name in ("MD5", "SHA-256"))

    def judge(self, credentials: str, *, method: str, user: str, password: str, request_id: str) -> Outcome:
        """What an ``Authorization`` value proves; empty: there was none.

        Args:
            credentials: the value, after its header's name.
            method: the request's.
            user: who it has to be.
            password: the user's.
            request_id: what tells this request from every other but its repetition (Call-ID and CSeq).
        """
        if not credentials:
            return "none"
        scheme, _, rest = credentials.strip().partition(" ")
        given = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
        made = _HASHES.get(given.get("algorithm", "MD5").lower())
        if scheme.lower() != "digest" or made is None or given.get("realm") != REALM or given.get("qop") != "auth":
            return "wrong"

        def hashed(text: str) -> str:
            return made(text.encode()).hexdigest()

        nonce, count = given.get("nonce", ""), given.get("nc", "")
        secret, request = hashed(f"{user}:{REALM}:{password}"), hashed(f"{method}:{given.get('uri', '')}")
        expected = hashed(f"{secret}:{nonce}:{count}:{given.get('cnonce', '')}:auth:{request}")
        right = hmac.compare_digest(expected.encode(), given.get("response", "").lower().encode())
        # Both, always: how long the answer takes says nothing about which of them was wrong.
        known = hmac.compare_digest(user.encode(), given.get("username", "").encode())
        if not (right and known):
            return "wrong"
        now = self._clock()
        if not self._is_ours(nonce, now):
            return "stale"
        return "good" if self._first_use(nonce, count, request_id, now) else "stale"

    def _nonce(self, at: float) -> str:
        stamp = f"{at:.3f}"
        return f"{stamp}-{hmac.new(self._key, stamp.encode(), hashlib.sha256).hexdigest()[:32]}"

    def _is_ours(self, nonce: str, now: float) -> bool:
        try:
            at = float(nonce.partition("-")[0])
        except ValueError:
            return False
        return hmac.compare_digest(self._nonce(at).encode(), nonce.encode()) and 0 <= now - at <= _LIFE_S

    def _first_use(self, nonce: str, count: str, request_id: str, now: float) -> bool:
        if len(self._used) >= _MOST_KNOWN:
            self._used = {key: use for key, use in self._used.items() if now - use[1] <= _LIFE_S}
            if len(self._used) >= _MOST_KNOWN:
                return False
        return self._used.setdefault((nonce, count), (request_id, now))[0] == request_id
