"""A trunk's account: its credentials, its registration, the INVITEs we send by it."""

import contextlib
import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pjsua2 as pj
import structlog

from assist.config import Trunk
from gateway.edge.inbox import Passed
from gateway.endpoint.leg import Doorman
from gateway.endpoint.media_lock import MediaLock
from gateway.notices import Notice, Registered

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LineSetup:
    """What a line is made of; two that are equal are the same line."""

    trunk: Trunk
    password: str
    registers: bool

    def __repr__(self) -> str:
        return f"LineSetup({self.trunk.name!r}, registers={self.registers})"


class Line(Doorman):
    """An account besides the doorman's. INVITEs that pjsua2 hands to it are taken as if they were the doorman's."""

    def __init__(
        self,
        door: Doorman,
        notices: "queue.SimpleQueue[Notice]",
        lock: MediaLock,
        read: Callable[[str], Passed] | None,
        setup: LineSetup,
    ) -> None:
        super().__init__(notices, lock, read)
        self.share_with(door)
        self.setup = setup

    def open(self, account: Any) -> None:
        """Create the account; ``account`` has what all accounts of the endpoint have in common."""
        trunk = self.setup.trunk
        parameter = "" if trunk.transport == "udp" else f";transport={trunk.transport}"
        if trunk.user:
            # The address of record is ours at the trunk's domain (RFC 3261, section 10.2).
            account.idUri = f"sip:{trunk.user}@{trunk.host}"
            account.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", trunk.user, 0, self.setup.password))
        if trunk.contact:
            account.sipConfig.contactForced = f"<{trunk.contact}>"
        if self.setup.registers:
            account.regConfig.registrarUri = f"sip:{trunk.host}{parameter}"
            account.regConfig.timeoutSec = trunk.registration_s
            # When to try again is decided by gateway.registration.
            account.regConfig.retryIntervalSec = 0
            account.regConfig.firstRetryIntervalSec = 0
            account.regConfig.dropCallsOnFail = False
        self.create(account)

    def register(self, wanted: bool) -> None:
        """Send a REGISTER, or one that ends the registration."""
        with contextlib.suppress(pj.Error):
            self.setRegistration(wanted)

    def onRegState(self, prm: Any) -> None:
        """A REGISTER was answered or has timed out."""
        try:
            self._post(Registered(0, self.setup.trunk.name, int(prm.code), int(prm.expiration)))
        except Exception as err:
            log.error("gateway.callback_failed", callback="onRegState", error=repr(err))
