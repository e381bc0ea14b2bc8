"""Errors of the gateway package.

GatewayError
├── PortBusyError       SIP's port is taken by another process
├── EndpointError       pjsua2 can't be set up, or its build can't bridge a call
└── LegError            one leg refused an operation (it has gone, its media isn't up)

Each message says what was wrong, where, and what to do. ``retryable`` tells whether the same call may work later.
"""


class GatewayError(Exception):
    """Base; ``retryable`` is a class default that an instance may override."""

    retryable = False

    def __init__(self, message: str, *, retryable: bool | None = None) -> None:
        super().__init__(message)
        if retryable is not None:
            self.retryable = retryable


class PortBusyError(GatewayError):
    """SIP's port is taken by another process."""


class EndpointError(GatewayError):
    """pjsua2 can't be set up, or its build can't bridge a call."""


class LegError(GatewayError):
    """One leg refused an operation; the call it belongs to goes on or ends, the worker stays."""

    retryable = True
