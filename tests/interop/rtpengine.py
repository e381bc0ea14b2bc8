"""rtpengine for a test: the daemon in user space, on loopback."""

import random
from pathlib import Path

from tests.interop.rig import HOST, Process, wait_for
from tests.ports import is_bound, sip_port


class Rtpengine(Process):
    """A daemon that takes NG commands by UDP at :attr:`ng` and by HTTP at :attr:`http`."""

    def __init__(self, tmp: Path) -> None:
        self.ng, self.http = sip_port(), sip_port()
        first = random.randrange(33000, 36000, 2)
        argv = ["rtpengine", "--table=-1", f"--interface={HOST}", "--foreground", "--config-file=none"]
        argv += [f"--listen-ng={HOST}:{self.ng}", f"--listen-http={HOST}:{self.http}"]
        argv += [f"--port-min={first}", f"--port-max={first + 99}", "--log-stderr", "--log-level=6"]
        super().__init__([*argv, f"--pidfile={tmp / 'rtpengine.pid'}"], tmp / "rtpengine")
        wait_for(lambda: is_bound(self.ng) or not self.running, 15, "rtpengine listens")
        assert self.running, self.text()
