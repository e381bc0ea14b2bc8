"""The only code that knows pjsua2. Everything else sees :class:`Endpoint`, :class:`Leg` and plain notices.

What the modules rely on was measured with the wheel ``pjsua2-python`` 2.15.1.post1:

- a ``Call``, ``Account`` or port that Python lets go of is destroyed at once, so each is held until it is released;
- callbacks must never raise; they only put notices on a queue;
- a ``Call`` that is destroyed hangs up whatever has its slot by then, and with four slots that is soon somebody else;
- a port that is destroyed may still be in the bridge for a tick;
- ``getInfo().media`` dies with the unnamed ``getInfo()``;
- no call may be answered or rejected inside ``onIncomingCall``: rejecting one without a body there aborts the process;
- objects that outlive ``libDestroy`` abort the process.
"""

from gateway.endpoint.leg import Leg
from gateway.endpoint.library import Endpoint

__all__ = ["Endpoint", "Leg"]
