"""Ports of this machine: which are free, and why one can't be had."""

import socket


def refusal(host: str, port: int, kind: socket.SocketKind) -> OSError | None:
    """Why nothing can listen on the port now (``kind``: stream is TCP, datagram UDP); None when something can."""
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            # A port whose last connections are still in TIME_WAIT is free for a server.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as err:
            return err
    return None


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port
