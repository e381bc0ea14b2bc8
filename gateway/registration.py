"""Registration at a trunk's host as a state machine without I/O: results of REGISTER in, when to try again out.

pjsua2 renews a registration by itself before it runs out (RFC 3261, section 10.2.4). What it does not do well is to try
again after a failure: here the pause doubles, and after a refusal of the credentials it begins long, for providers lock
out whoever insists.
"""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from assist.config import Settings

State: TypeAlias = Literal["trying", "registered", "refused", "failed"]

_FIRST_PAUSE_S: Final = 2.0
_FIRST_PAUSE_REFUSED_S: Final = 60.0
_LONGEST_PAUSE_S: Final = 600.0
_SPREAD: Final = 0.2
"""Workers that lost the same registrar at once must not all come back at once."""
REFUSALS: Final = frozenset({401, 403, 404, 407})
"""What will not be better in a moment: wrong user, password or rights."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a registration is. ``code`` is the last answer's, 0 where none came; ``expires`` seconds granted."""

    state: State = "trying"
    code: int = 0
    expires: int = 0


def lines_file(run_dir: Path, index: int) -> Path:
    """Where worker ``index`` says how its trunks stand."""
    return run_dir / f"gateway.{index}.lines.json"


def registrar_of(settings: Settings) -> dict[str, int]:
    """By trunk with a registration the worker that keeps it."""
    names = [trunk.name for trunk in settings.trunk if trunk.registration]
    return {name: at % settings.gateway.workers for at, name in enumerate(names)}


class Registration:
    """One trunk's registration; ``now`` is seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self.standing = Standing()
        self._failures = 0
        self._again_at: float | None = None

    def answered(self, code: int, expires: int, now: float) -> bool:
        """A REGISTER was answered (or timed out, ``code`` 408 or 503); returns whether the standing has changed."""
        before = self.standing
        if 200 <= code < 300:
            self.standing = Standing("registered" if expires else "trying", code, expires)
            self._failures, self._again_at = 0, None
            return self.standing.state != before.state
        refused = code in REFUSALS
        self.standing = Standing("refused" if refused else "failed", code)
        first = _FIRST_PAUSE_REFUSED_S if refused else _FIRST_PAUSE_S
        pause = min(first * 2**self._failures, _LONGEST_PAUSE_S)
        # The exponent is bounded, or it overflows after a long night.
        self._failures = min(self._failures + 1, 16)
        self._again_at = now + pause * random.uniform(1 - _SPREAD, 1 + _SPREAD)
        return (self.standing.state, self.standing.code) != (before.state, before.code)

    def is_due(self, now: float) -> bool:
        """Whether to send a REGISTER now; true once for each pause."""
        if self._again_at is None or now < self._again_at:
            return False
        self._again_at = None
        return True
