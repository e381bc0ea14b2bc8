"""The sockets of this process that pjsua2 opened, and filters for them (``SO_ATTACH_FILTER``, socket(7))."""

import ctypes
import os
import socket
import stat
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway.media_source import NOBODY, Instruction, packed

_ATTACH_FILTER: Final = 26  # not in the socket module
_DETACH_FILTER: Final = 27


def own_sockets(kind: int) -> Iterator[socket.socket]:
    """This process's IPv4 sockets of this kind, each as a second descriptor; closing that closes nothing."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        try:
            number = int(entry.name)
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            found = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        if found.family == socket.AF_INET and found.type == kind:
            yield found
        else:
            found.close()


def udp_sockets(ports: range) -> Iterator[tuple[int, socket.socket]]:
    """Those for UDP on one of ``ports``, each with its port."""
    for found in own_sockets(socket.SOCK_DGRAM):
        port = int(found.getsockname()[1])
        if port in ports:
            yield port, found
        else:
            found.close()


def set_filter(found: socket.socket, code: Sequence[Instruction]) -> bool:
    """Give a socket a filter, in place of the one it has; False when the kernel won't."""
    instructions = ctypes.create_string_buffer(packed(code))
    try:
        # struct sock_fprog: count, padding, pointer.
        value = struct.pack("HxxxxxxP", len(code), ctypes.addressof(instructions))
        found.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, value)
    except OSError:
        return False
    return True


def close_to_all(found: socket.socket) -> None:
    """Nothing reaches the socket any more: a listening one gets no SYN."""
    set_filter(found, NOBODY)


def open_to_all(found: socket.socket) -> None:
    """Take the filter away, if there is one."""
    try:
        found.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
    except OSError:
        return
