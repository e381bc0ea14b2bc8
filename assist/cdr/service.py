"""Writes the record of each call that ends. What it has not written waits in the stream, also while it is down."""

import asyncio
from zoneinfo import ZoneInfo

import structlog

from assist.bus import Bus
from assist.cdr.files import RecordFiles
from assist.cdr.record import record_of
from assist.config import Settings
from assist.events import Event

log = structlog.get_logger(__name__)


class RecordService:
    """Follows the calls' ends; each record is made of the call's whole history."""

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self._files = RecordFiles(settings.cdr_path, settings.cdr.formats, keep_days=settings.cdr.keep_days)

    async def start(self) -> None:
        """Take up work, unless no format is set.

        Raises:
            BusError: the broker does not answer within a minute.
        """
        if self._settings.cdr.formats:
            await self._bus.consume("cdr", "calls.*.in.CallEnded", self.on_ended)
            log.info("cdr.started", folder=str(self._files.folder))

    async def on_ended(self, event: Event) -> None:
        """Write the record of a call that has ended.

        Raises:
            StoreError: it can't be written now; the event must come again.
            BusError: the call's history can't be read now.
        """
        history = await self._bus.history(event.call_id)
        mask = self._settings.cdr.mask_numbers
        record = record_of(history or [event], ZoneInfo(self._settings.timezone), mask_numbers=mask)
        if record is not None:
            await asyncio.to_thread(self._files.write, record)
