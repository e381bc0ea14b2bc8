"""Where the edge is, for the processes behind it. ``apuntador up`` writes it; without the file there is no edge."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from gateway.errors import EdgeError

HOST: Final = "127.0.0.1"
"""The workers' side of the edge is on loopback."""


@dataclass(frozen=True, slots=True)
class EdgeLink:
    """The edge of this machine.

    ``address`` and ``port`` are what trunks and phones see, ``inner_port`` is where workers send to, ``socket`` the
    edge's control socket. ``token`` proves that a request has come through it; it is kept out of ``repr``.
    """

    address: str
    port: int
    inner_port: int
    socket: str
    token: str = field(repr=False)

    def worker_port(self, index: int) -> int:
        """SIP port of a worker, on loopback."""
        return self.inner_port + 1 + index

    @property
    def route(self) -> str:
        """URI of the edge for a worker's Route header."""
        return f"sip:{HOST}:{self.inner_port};lr"

    def save(self, path: Path) -> None:
        """Write it for the workers, readable by the owner only."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        path.chmod(0o600)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> "EdgeLink | None":
        """What ``apuntador up`` has left; None when the workers are reached directly.

        Raises:
            EdgeError: the file is damaged.
        """
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as err:
            raise EdgeError(f"the edge's address in {path} is unreadable ({err}); restart apuntador up") from None
