"""Where the broker is, and how the stack's processes tell each other."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from assist.config import Settings
from assist.errors import BusError


@dataclass(frozen=True, slots=True)
class BusAddress:
    """Where the broker is. ``token`` is a secret: it is kept out of ``repr``."""

    url: str
    token: str = field(repr=False, default="")

    def save(self, path: Path) -> None:
        """Write the address for the stack's other processes, readable by the owner only."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        path.chmod(0o600)
        path.write_text(json.dumps({"url": self.url, "token": self.token}))

    @classmethod
    def of(cls, settings: Settings) -> "BusAddress":
        """The cluster's address from the settings, else that of the private broker of ``apuntador up``.

        Raises:
            BusError: the token file can't be read, or there is no private broker's address.
        """
        if not settings.nats.url:
            return cls.load(settings.bus_file)
        token_file = settings.nats.token_file
        if token_file is None:
            return cls(settings.nats.url)
        try:
            return cls(settings.nats.url, token_file.read_text(encoding="utf-8").strip())
        except OSError as err:
            raise BusError(
                f"nats.token_file {token_file} can't be read ({err.strerror}); mend the path or its mode",
                retryable=False,
            ) from None

    @classmethod
    def load(cls, path: Path) -> "BusAddress":
        """The address saved by ``apuntador up``.

        Raises:
            BusError: no stack has run here, or the file is damaged.
        """
        try:
            data = json.loads(path.read_text())
            return cls(data["url"], data["token"])
        except FileNotFoundError:
            raise BusError(f"no broker address in {path}; start the stack with: apuntador up") from None
        except (ValueError, KeyError, OSError) as err:
            raise BusError(f"broker address in {path} is unreadable ({err}); restart apuntador up") from None
