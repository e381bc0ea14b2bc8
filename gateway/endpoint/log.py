"""Where pjsip's log goes: its copies of SIP messages into the trace, everything else nowhere."""

from typing import Any, Final

import pjsua2 as pj

from gateway.trace import SipTrace

LEVEL: Final = 4
"""pjsip writes messages at this level (pjsua_core.c, module mod-pjsua-log)."""


class MessageLog(pj.LogWriter):  # type: ignore[misc]  # pjsua2 has no type hints
    """Takes pjsip's log. Called on the thread that polls; other threads' lines are handed over to it."""

    def __init__(self, trace: SipTrace) -> None:
        super().__init__()
        self._trace = trace

    def write(self, entry: Any) -> None:
        """One entry of the log; must not raise."""
        if entry.level == LEVEL:
            self._trace.add(entry.msg)
