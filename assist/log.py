"""Logging for every process: structlog, JSON in service mode, key-value on a terminal, to standard error.

Log names are ``part.what_happened``. Never log what people said, their numbers or their names: log ids.
"""

import logging
import sys
from typing import Literal

import structlog


def configure(
    level: Literal["debug", "info", "warning", "error"] = "info",
    style: Literal["auto", "json", "text"] = "auto",
    *,
    process: str = "",
) -> None:
    """Set up structlog for this process. ``process`` is put on every line (``gateway.0``)."""
    as_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _names(process),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _names(process: str) -> structlog.typing.Processor:
    # Not a context variable: those do not reach other threads.
    def add(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if process:
            event["process"] = process
        return event

    return add
