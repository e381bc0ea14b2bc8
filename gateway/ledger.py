"""The calls of one worker, on disk, so that a worker that was killed can say afterwards which calls it lost.

One small JSON file per worker number, replaced whole on every change. It holds call ids and whether the call had been
answered, nothing else. It is a courtesy to the case history: when it can't be written, calls go on.
"""

import contextlib
import json
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


class Ledger:
    """Live calls of the worker whose file is ``path``: call id → answered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._calls: dict[str, bool] = {}

    def leftovers(self) -> dict[str, bool]:
        """Calls that a predecessor had and never ended."""
        try:
            raw = json.loads(self._path.read_text())
            self._calls = {str(call_id): bool(answered) for call_id, answered in raw.items()}
        except FileNotFoundError:
            self._calls = {}
        except (OSError, ValueError, AttributeError) as err:
            log.warning("gateway.ledger_unreadable", error=repr(err))
            self._calls = {}
        return dict(self._calls)

    def open(self, call_id: str, *, answered: bool) -> None:
        """A call began, or was answered."""
        self._calls[call_id] = answered
        self._write()

    def close(self, call_id: str) -> None:
        """The end of a call is stored."""
        if self._calls.pop(call_id, None) is not None:
            self._write()

    def _write(self) -> None:
        temporary = self._path.with_suffix(".tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(self._calls))
            temporary.replace(self._path)
        except OSError as err:
            log.warning("gateway.ledger_unwritable", error=repr(err))
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
