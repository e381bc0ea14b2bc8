"""What the commands that read stored cases share: settings, the open store, times as people write and read them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import typer
from rich.text import Text
from sqlalchemy import Connection

from assist import config
from assist.config import Settings
from assist.events import Language
from assist.store import document
from assist.store.engine import open_for_reading, translated
from assist.store.reader import CaseFile, Row
from assist.strings import say

PARTY_STYLES: Final = {"customer": "cyan", "agent": "green"}
_AGO: Final = re.compile(r"(\d+)\s*([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def settings_of(ctx: typer.Context) -> Settings:
    """The settings that the ``apuntador`` command has read."""
    return ctx.obj if isinstance(ctx.obj, Settings) else config.load()


@contextmanager
def reading(settings: Settings) -> Iterator[Connection]:
    """The case store, for reading.

    Raises:
        StoreError: there is none, or it can't be read.
    """
    engine = open_for_reading(settings.store_url)
    try:
        with translated(settings.store_url), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def moment_of(value: str, language: Language, zone: ZoneInfo) -> float:
    """Seconds UTC of ``2026-11-21``, ``2026-11-21T15:30`` (in ``zone``) or ``90m``, ``12h``, ``7d`` ago.

    Raises:
        typer.BadParameter: it is none of these.
    """
    now = datetime.now(zone)
    ago = _AGO.fullmatch(value.strip().lower())
    if ago is not None:
        return (now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).timestamp()
    try:
        told = datetime.fromisoformat(value.strip())
    except ValueError:
        raise typer.BadParameter(say(language, "case.bad_since", value=value), param_hint="--since") from None
    return (told if told.tzinfo is not None else told.replace(tzinfo=zone)).timestamp()


def spoken(case: CaseFile, line: Row, language: Language, indent: str = "  ") -> Text:
    """A line of the transcript with its time and who said it."""
    party = str(line["party"])
    return Text.assemble(
        indent,
        (f"{document.offset(case.case, line['t0']):>6}", "dim"),
        "  ",
        (say(language, f"common.{party}"), PARTY_STYLES[party]),
        f": {line['text']}",
    )
