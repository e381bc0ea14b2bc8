"""Ports for peers of the tests. Tests that run side by side draw from ranges of their own, so that nobody takes a port
between another's looking and listening."""

import itertools
import os
import random
import socket

from assist.ports import refusal

_LANES = 8
_LANE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _LANES
# All below 32768, where the kernel's own choices begin.
_SIP, _SIP_WIDTH, _SIP_STEP = 20000, 1200, 8
_RTP, _RTP_WIDTH, _RTP_STEP = 30000, 340, 2
_PEERS_RTP, _PEERS_WIDTH = 10000, 400
_HOST = "127.0.0.1"
_turns = itertools.count(random.randrange(_SIP_WIDTH // _SIP_STEP))


def sip_port() -> int:
    """A port that is free for UDP and for TCP, as are most likely the seven behind it (TLS, a pool's workers).

    None is given twice in 150 draws.
    """
    for turn in itertools.islice(_turns, _SIP_WIDTH // _SIP_STEP):
        port = _SIP + _LANE * _SIP_WIDTH + turn * _SIP_STEP % _SIP_WIDTH
        if not any(refusal(_HOST, port, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
            return port
    raise AssertionError("no port left for SIP")


def rtp_start() -> int:
    """Where a gateway may begin to look for ports for its audio; it goes on to the next when one is taken."""
    return _RTP + _LANE * _RTP_WIDTH + random.randrange(0, _RTP_WIDTH // 2, _RTP_STEP)


def peer_rtp() -> tuple[int, int]:
    """First and last port of a peer's audio."""
    first = _PEERS_RTP + _LANE * _PEERS_WIDTH
    return first, first + _PEERS_WIDTH - 2


def is_bound(port: int, host: str = _HOST) -> bool:
    """Whether something listens on the port by UDP."""
    return refusal(host, port, socket.SOCK_DGRAM) is not None
