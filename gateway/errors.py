"""Errors of the gateway package.

GatewayError
├── PortBusyError       SIP's port is taken by another process
├── EndpointError       pjsua2 can't be set up, or its build can't bridge a call
├── LegError            one leg refused an operation (it has gone, its media isn't up)
├── EdgeError           the edge's address is damaged, or kamailio can't run with these settings
├── TapError            a media stream's peer says what it must not, or its call can't be taken
├── AccessError         a media stream's peer did not prove who it is
└── MetadataError       recording metadata can't be read; the recording goes on without it

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


class EdgeError(GatewayError):
    """The edge's address is damaged, or kamailio can't run with these settings."""


class TapError(GatewayError):
    """A media stream's peer says what it must not, or its call can't be taken; the connection is closed."""


class AccessError(GatewayError):
    """A media stream's peer did not prove who it is. The message is for the log, not for the peer."""


class MetadataError(GatewayError):
    """Recording metadata can't be read; the recording goes on without it."""
