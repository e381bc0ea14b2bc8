"""When a promise falls due: "el viernes", "within twenty-four hours" as a date in the call centre's time zone."""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from assist.decide.language import LanguageData
from assist.decide.text import normalise
from assist.events import Language
from assist.text.numbers import find_numbers

_TOMORROW: Final[dict[Language, str]] = {"es": "manana", "en": "tomorrow"}
_NOT_TOMORROW: Final = ("por la manana", "de la manana", "pasado manana", "en la manana", "day after tomorrow")
_TODAY: Final[dict[Language, tuple[str, ...]]] = {
    "es": ("hoy mismo", "esta tarde", "esta noche"),
    "en": ("later today", "this afternoon", "this evening", "tonight"),
}
_HOURS: Final = ("hora", "horas", "hour", "hours")
_DAYS: Final = ("dia", "dias", "day", "days", "business", "working")
_WORKING: Final = ("habiles", "laborables", "business", "working")
_LONGEST: Final = 90


def due(sentence: str, at: float, zone: ZoneInfo, language: Language, data: LanguageData) -> datetime | None:
    """The moment meant by ``sentence`` said at ``at`` (seconds UTC); midnight where only the day is told.

    Working days skip Saturdays and Sundays; holidays are not known here. None when no date is told.
    """
    said = datetime.fromtimestamp(at, zone)
    day = said.replace(hour=0, minute=0, second=0, microsecond=0)
    line = normalise(sentence)
    words = line.split()
    for word in words:
        weekday = data.weekdays.get(word)
        if weekday is not None:
            return day + timedelta(days=(weekday - said.weekday() - 1) % 7 + 1)
    for run in find_numbers(sentence, language):
        unit = run.after.split()
        count = run.groups[-1]
        if not unit or not 0 < count <= _LONGEST:
            continue
        if unit[0] in _HOURS:
            return said + timedelta(hours=count)
        if unit[0] in _DAYS:
            return _working(day, int(count)) if any(word in _WORKING for word in unit) else day + timedelta(days=count)
    if _TOMORROW[language] in words and not any(phrase in line for phrase in _NOT_TOMORROW):
        return day + timedelta(days=1)
    return day if any(phrase in line for phrase in _TODAY[language]) else None


def _working(day: datetime, count: int) -> datetime:
    while count > 0:
        day += timedelta(days=1)
        if day.weekday() < 5:
            count -= 1
    return day


def written(moment: datetime) -> str:
    """ISO date, with the time where one is meant: read the same way in every country."""
    return moment.strftime("%Y-%m-%d %H:%M" if (moment.hour, moment.minute) != (0, 0) else "%Y-%m-%d")
