"""Errors of the assist package.

AssistError
├── ConfigError         a setting is unknown, missing or wrong
├── WireError           bytes that are no event or no audio chunk
├── BusError            the broker can't be reached or refuses
├── StoreError          the case store can't be opened, read or written
├── StackError          a process of the stack can't be started (busy port, missing binary)
├── KnowledgeError      the folder of articles, or what was made of it, can't be read or written
├── AuthError           a token is missing, unknown, expired or lacks the role
└── DemoError           the demo call can't be placed

Each message says what was wrong, where, and what to do. ``retryable`` tells whether the same call may work later.
"""


class AssistError(Exception):
    """Base; ``retryable`` is a class default that an instance may override."""

    retryable = False

    def __init__(self, message: str, *, retryable: bool | None = None) -> None:
        super().__init__(message)
        if retryable is not None:
            self.retryable = retryable


class ConfigError(AssistError):
    """A setting is unknown, missing or wrong."""


class WireError(AssistError):
    """Bytes that are no event or no audio chunk."""


class BusError(AssistError):
    """The broker can't be reached or refuses."""

    retryable = True


class StoreError(AssistError):
    """The case store can't be opened, read or written."""

    retryable = True


class StackError(AssistError):
    """A process of the stack can't be started."""


class KnowledgeError(AssistError):
    """The folder of articles, or what was made of it, can't be read or written."""


class AuthError(AssistError):
    """A token is missing, unknown, expired or lacks the role."""


class DemoError(AssistError):
    """The demo call can't be placed."""
