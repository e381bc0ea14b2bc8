"""Whose media a leg takes: what the signalling says, or who is learned first, and nobody else from then on.

Pure: addresses in, socket filters out. The filters are classic BPF programs (``SO_ATTACH_FILTER``, socket(7)), so what
a stranger sends is dropped by the kernel. Why it is needed: RTP has no sender to check (RFC 3550, section 11),
and pjmedia's symmetric RTP follows anybody while the rightful sender is silent. RFC 7362 calls this latching and says
how it is abused (section 5).
"""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Address: TypeAlias = tuple[str, int]
"""IPv4 address and UDP port."""
Mode: TypeAlias = Literal["learn", "signalled", "any"]
Instruction: TypeAlias = tuple[int, int, int, int]
"""Operation, jumps if true and false, operand."""

LEARN_SAMPLES: Final = 3
"""Times in a row that an address other than the negotiated one has to be seen as the last sender."""
NOT_AGAIN_S: Final = 60.0
"""How long the source of a leg that has ended is not learned for another."""
_UDP_HEADER: Final = 8
_NETWORK_HEADER: Final = 0xFFF00000  # SKF_NET_OFF
_IP_SOURCE: Final = _NETWORK_HEADER + 12
_ACCEPT: Final[Instruction] = (0x06, 0, 0, 0xFFFF)
_DROP: Final[Instruction] = (0x06, 0, 0, 0)
_ANYWHERE: Final = "0.0.0.0"


def program(
    *, control: bool, allow: Sequence[tuple[str, int | None]] = (), deny: Sequence[Address] = ()
) -> list[Instruction]:
    """The filter of an RTP socket, or of an RTCP socket where ``control``.

    Well-formed packets (RFC 3550, sections 5.1 and 6.4: version 2, no shorter than the fixed header) pass when they
    come from an address in ``allow``, port None being any; everybody not in ``deny`` where ``allow`` is empty.
    """
    code: list[Instruction] = [(0x80, 0, 0, 0), (0x35, 1, 0, _UDP_HEADER + (8 if control else 12)), _DROP]
    code += [(0x30, 0, 0, _UDP_HEADER), (0x54, 0, 0, 0xC0), (0x15, 1, 0, 0x80), _DROP]
    if control:
        # Packet types of RTCP (RFC 5761, section 4).
        code += [(0x30, 0, 0, _UDP_HEADER + 1), (0x35, 1, 0, 192), _DROP, (0x25, 0, 1, 223), _DROP]
    for host, port in deny:
        code += [(0x20, 0, 0, _IP_SOURCE), (0x15, 0, 3, _number(host))]
        code += [(0x28, 0, 0, 0), (0x15, 0, 1, port), _DROP]
    for host, wanted in allow:
        if wanted is None:
            code += [(0x20, 0, 0, _IP_SOURCE), (0x15, 0, 1, _number(host)), _ACCEPT]
        else:
            code += [(0x20, 0, 0, _IP_SOURCE), (0x15, 0, 3, _number(host))]
            code += [(0x28, 0, 0, 0), (0x15, 0, 1, wanted), _ACCEPT]
    code.append(_DROP if allow else _ACCEPT)
    return code


def packed(code: Sequence[Instruction]) -> bytes:
    """``struct sock_filter[]`` of a program."""
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def parse(name: str) -> Address | None:
    """``host:port`` of pjsua2 as an address; None for what is no IPv4 address or has no port."""
    host, _, port = name.rpartition(":")
    try:
        socket.inet_aton(host)
        found = (host, int(port))
    except (OSError, ValueError):
        return None
    return found if host.count(".") == 3 and 0 < found[1] < 65536 else None


NOBODY: Final[Sequence[Instruction]] = (_DROP,)
"""The filter of a socket that has no peer yet: what comes before would wait in it and be heard first of all."""


@dataclass(slots=True)
class Source:
    """One audio stream's sender, from one negotiation to the next.

    Args:
        mode: ``signalled`` takes the negotiated address only; ``learn`` whoever comes first from the negotiated or the
            signalling host; ``any`` whoever comes first.
        negotiated: the peer's address in its session description.
        signalling: host its SIP messages come from; empty when that isn't known.
        deny: senders of calls that have just ended.
    """

    mode: Mode
    negotiated: Address
    signalling: str = ""
    deny: tuple[Address, ...] = ()
    locked: Address | None = None
    _seen: Address | None = field(default=None, init=False)
    _times: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.deny = tuple(address for address in self.deny if address != self.negotiated)
        if self.mode == "signalled":
            self.locked = self.negotiated

    @property
    def usable(self) -> bool:
        """Whether the peer has named an address; ``0.0.0.0`` is an old way to say hold (RFC 3264, section 8.4)."""
        return self.negotiated[0] != _ANYWHERE

    def sample(self, sender: Address | None) -> bool:
        """The stream's last sender is ``sender``; True when it has just become the only one."""
        if self.locked is not None or sender is None:
            return False
        if sender in self.deny:
            return False
        self._times = self._times + 1 if sender == self._seen else 1
        self._seen = sender
        if sender == self.negotiated or self._times >= LEARN_SAMPLES:
            self.locked = sender
            return True
        return False

    def filters(self) -> tuple[list[Instruction], list[Instruction]]:
        """Programs of the RTP and the RTCP socket as things stand."""
        if self.locked is not None:
            host, port = self.locked
            return program(control=False, allow=[(host, port)]), program(control=True, allow=[(host, None)])
        hosts = [] if self.mode == "any" else list(dict.fromkeys([self.negotiated[0], self.signalling]))
        allow = [(host, None) for host in hosts if _is_ipv4(host)]
        return program(control=False, allow=allow, deny=self.deny), program(control=True, allow=allow)


def _is_ipv4(host: str) -> bool:
    return parse(f"{host}:1") is not None


def _number(host: str) -> int:
    return int.from_bytes(socket.inet_aton(host), "big")
