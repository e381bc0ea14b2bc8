"""Readiness and its absence, told to whoever supervises this process: the ``sd_notify`` datagram protocol.

``apuntador up`` and systemd both listen on the socket named by ``$NOTIFY_SOCKET``. Without one, nothing happens.
Source: sd_notify(3).
"""

import os
import socket


def ready(status: str = "") -> None:
    """Tell the supervisor that this process does its job now."""
    _send(f"READY=1\nSTATUS={status}\n")


def status(text: str) -> None:
    """Tell the supervisor one line about this process's state."""
    _send(f"STATUS={text}\n")


def _send(message: str) -> None:
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        try:
            # A leading @ means the abstract namespace.
            sock.sendto(message.encode(), "\0" + path[1:] if path.startswith("@") else path)
        except OSError:
            # A supervisor that is gone or busy must not take this process with it.
            return
