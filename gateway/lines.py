"""The trunks' accounts of one worker: which there are, which of them it registers, and how that stands.

Registrations are shared out: the n-th trunk with one is registered by worker n modulo the pool's size, because most
registrars send a call to every contact they know, and a call must come once. How each stands is written to
``run/<worker>.lines.json`` for ``apuntador sip check`` and whoever else wants to know.
"""

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

import structlog

from assist.config import Settings, read_secret
from gateway.endpoint import Endpoint
from gateway.endpoint.line import LineSetup
from gateway.notices import Registered
from gateway.registration import Registration, lines_file, registrar_of

_NO_ANSWER: Final = 408

log = structlog.get_logger(__name__)


def secrets_of(settings: Settings) -> dict[str, str]:
    """The trunks' passwords, by name.

    Raises:
        ConfigError: one can't be read; the message names the reference, never what is in it.
    """
    return {trunk.name: read_secret(trunk.secret) for trunk in settings.trunk if trunk.secret}


class Lines:
    """Accounts and registrations of a worker.

    Args:
        endpoint: pjsua2, listening.
        index: number of this worker.
        settings: the whole settings.
        secrets: the trunks' passwords.
    """

    def __init__(self, endpoint: Endpoint, index: int, settings: Settings, secrets: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        self._index = index
        self._path = lines_file(settings.run_dir, index)
        self._registrations: dict[str, Registration] = {}
        self._refused: Counter[tuple[str, str]] = Counter()
        self._setups: dict[str, LineSetup] = {}
        self.apply(settings, secrets)

    def apply(self, settings: Settings, secrets: Mapping[str, str]) -> None:
        """Use these trunks from now on.

        Raises:
            EndpointError: an account can't be made.
        """
        keeper = registrar_of(settings)
        setups = {
            trunk.name: LineSetup(trunk, secrets.get(trunk.name, ""), keeper.get(trunk.name) == self._index)
            for trunk in settings.trunk
            if trunk.host
        }
        self._endpoint.set_lines(list(setups.values()))
        self._registrations = {
            name: self._registrations[name]
            if self._setups.get(name) == setup and name in self._registrations
            else Registration()
            for name, setup in setups.items()
            if setup.registers
        }
        self._setups = setups
        self._write()

    def handle(self, notice: Registered) -> None:
        """A REGISTER was answered."""
        registration = self._registrations.get(notice.trunk)
        if registration is None:
            return
        # pjsua2 tells a time-out as its own error number.
        code = notice.code if 100 <= notice.code < 700 else _NO_ANSWER
        if registration.answered(code, notice.expires, time.monotonic()):
            tell = log.info if registration.standing.state == "registered" else log.error
            tell("gateway.registration", trunk=notice.trunk, state=registration.standing.state, code=code)
        self._write()

    def tick(self, now: float) -> None:
        """Time has passed; ``now`` is monotonic seconds."""
        for name, registration in self._registrations.items():
            if registration.is_due(now):
                self._endpoint.register(name, True)

    def refused(self, trunk: str, why: str) -> None:
        """The fence turned a call away; counted for whoever looks."""
        self._refused[trunk, why] += 1
        self._write()

    def _write(self) -> None:
        registrations = {
            name: {"state": one.standing.state, "code": one.standing.code, "expires": one.standing.expires}
            for name, one in self._registrations.items()
        }
        refused: dict[str, dict[str, int]] = {}
        for (name, why), times in self._refused.items():
            refused.setdefault(name, {})[why] = times
        temporary = self._path.with_suffix(".tmp")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            said = {"pid": os.getpid(), "at": time.time(), "registrations": registrations, "refused": refused}
            temporary.write_text(json.dumps(said))
            temporary.replace(self._path)
