"""When a promise falls due: "el viernes", "within twenty-four hours" as a date in the call centre's time zone.

A range counts with its far end ("de 3 a 5 días hábiles"), a day without a month is the next one, and a weekday the
next after the day of the call; a day of the month beside a weekday decides ("el viernes 11").
"""

import calendar
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from assist.decide.language import LanguageData
from assist.decide.text import normalise, words_before
from assist.events import Language
from assist.text.entities import find_entities
from assist.text.numbers import Run, find_numbers
from assist.text.style import style_of
from assist.text.words import NUMBERS, ORDINALS

_TOMORROW: Final[dict[Language, str]] = {"es": "manana", "en": "tomorrow"}
_MORNING: Final = re.compile(r"\b(?:(?:por|de|en|a) la manana|pasado manana|manana (?:siguiente))\b")
_OVERMORROW: Final = re.compile(r"\bpasado manana\b|\bday after tomorrow\b")
_TODAY: Final[dict[Language, re.Pattern[str]]] = {
    "es": re.compile(r"\b(?:hoy|esta (?:misma )?(?:tarde|noche)|medianoche|(?:en|por|a) la (?:tarde|noche))\b"),
    "en": re.compile(r"\b(?:today|this (?:afternoon|evening|morning)|tonight|midnight)\b"),
}
_MINUTES: Final = frozenset({"minuto", "minutos", "minute", "minutes"})
_HOURS: Final = frozenset({"hora", "horas", "hour", "hours"})
_DAYS: Final = frozenset({"dia", "dias", "day", "days", "business", "working"})
_WEEKS: Final = frozenset({"semana", "semanas", "week", "weeks"})
_MONTHS: Final = frozenset({"mes", "meses", "month", "months"})
_WORKING: Final = frozenset({"habiles", "habil", "laborables", "business", "working"})
_LONGEST: Final = 180
_CONTEXT: Final = 6
"""Words before a number that tell what it counts; more only where nothing but articles stands between."""
_WITHIN: Final = re.compile(
    r"\b(?:en|dentro de|proximas|proximos|siguientes|plazo de|maximo|hasta|demora|demoran|tarda|tardan|toma|"
    r"(?:\d+|un|uno|dos|tres|cuatro|cinco|siete|ocho|diez|one|two|three|four|five|seven|ten) (?:a|o|to|or)|"
    r"within|in|next|another|than|takes|take|give it)"
    r"(?: (?:las|los|un|unas|unos|plazo|de|maximo|maxima|proximas|proximos|siguientes|otros|otras|cerca|about|around|"
    r"the|next|coming|a|up|to|approximately))*$"
)
_BETWEEN: Final = frozenset(
    """
    las los un unas unos plazo de maximo maxima proximas proximos siguientes otros otras cerca about around the next
    coming a up to approximately
    """.split()  # noqa: SIM905 - the same words as in the pattern
)
_SPAN: Final[dict[Language, re.Pattern[str]]] = {
    "es": re.compile(
        r"\b(?:por|durante|cada|hace|desde hace|llevo|(?<!maximo )(?<!plazo )(?<!termino )de) "
        r"(?:los |las |unos |unas )?$"
    ),
    "en": re.compile(r"\b(?:for|every|last|past|been|a) (?:the |about )?$"),
}
_DAY_ES: Final = re.compile(r"\b(?:el|del|al|dia|para el|antes del) $")
_WEEK_END: Final = re.compile(
    r"\b(?:end of (?:the|this) week|by the weekend|(?:este|antes del|para el) fin de semana|"
    r"(?:fines|final|finales) de (?:la|esta) semana)\b"
)
_MONTH_END: Final = re.compile(
    r"\b(?:end of (?:the|this) month|(?:fin|fines|final|finales) de (?:este )?mes|ultimo dia del mes)\b"
)
_CLOCK: Final[dict[Language, re.Pattern[str]]] = {
    "es": re.compile(r"\b(?:a|antes de) las? (\w+)(?! (?:dias|horas|semanas))"),
    "en": re.compile(
        r"\b(?:at|(?:by|before)(?! one\b)) (\w+)(?: oclock| (?:a|p)m)?"
        r"(?![^\w]*(?:dollars|pounds|euros?|bucks|quid|percent|a month|each))\b"
    ),
}
_SHORTENED: Final = re.compile(r"['’](?:s|ll)\b")
"""Of "Wednesday's fine"."""
_WEEK_ON: Final = re.compile(
    r"\b(?:de )?(hoy|manana|este \w+|\w+) en (ocho|quince)\b(?! (?:minutos|horas|meses|semanas))"
)
_WEEKS_ON: Final = re.compile(r"\b(a|one|two|three|\d) weeks? (?:(?:on|from) )?(?:(?:this|next) )?(\w+)\b")
"""Of "a week on Tuesday", "two weeks from today"."""
_NEXT_WEEK: Final[dict[Language, re.Pattern[str]]] = {
    "es": re.compile(
        r"\b(?:la (?:proxima|otra|siguiente) semana|la semana (?:proxima|siguiente|entrante|que viene|que entra))\b"
    ),
    "en": re.compile(r"\b(?<!after )next week\b"),
}
_AFTER_NEXT: Final = re.compile(r"\b(\w+) after next\b")
_WEEK_BEHIND: Final = re.compile(r"\b(\w+) week\b")
"""Of "Tuesday week"."""
_SPELL: Final = r"[^,;.?!]{0,60}?"
_LASTS: Final[dict[Language, re.Pattern[str]]] = {
    "es": re.compile(
        rf"\b(?:(?:extend|extiend|extensi|ampl[ií]|prolong|prorrog|alarg)\w*\b{_SPELL}\b(?:hasta|al|para)"
        rf"|(?:guard|apart|reserv|mant|conserv|congel|paus|suspend|vigente|v[aá]lid|abiert|qued|sigue|dura)\w*\b{_SPELL}"
        rf"\bhasta)\b{_SPELL}(?=$|[,;.?!]| y | pero )",
        re.IGNORECASE,
    ),
    "en": re.compile(
        rf"\b(?:(?:extend|extension)\w*\b{_SPELL}\b(?:until|till?|through|thru|up to|to)"
        rf"|(?:h[eo]ld|ke?ept?|stay|reserv|valid|good|open|free|paus|suspend|fr[eo]+ze|run|last)\w*\b{_SPELL}"
        rf"\b(?:until|till?|through|thru|up to))\b{_SPELL}(?=$|[,;.?!]| and | but )",
        re.IGNORECASE,
    ),
}
"""How long something goes on is no day by which something is owed: "I've extended your stay until Sunday"."""


def due(
    sentence: str, at: float, zone: ZoneInfo, language: Language, data: LanguageData, *, how_long: bool = False
) -> datetime | None:
    """The moment meant by ``sentence`` said at ``at`` (seconds UTC); midnight where only the day is told.

    With ``how_long`` the sentence answers how long something takes, so that a bare "dos horas" counts.
    Working days skip Saturdays and Sundays; holidays are not known here. None when no date is told.
    """
    said = datetime.fromtimestamp(at, zone)
    day = said.replace(hour=0, minute=0, second=0, microsecond=0)
    sentence = _LASTS[language].sub(" ", sentence)
    line = normalise(_SHORTENED.sub(" ", sentence))
    dated = _date(sentence, day, language)
    if dated is not None:
        return dated
    words = line.split()
    weekday = next((data.weekdays[word] for word in words if word in data.weekdays), None)
    numbered = _day_of_month(sentence, day, language)
    if weekday is not None:
        if numbered is not None and numbered.weekday() == weekday:
            return numbered
        return _on_weekday(line, day, weekday, language, data)
    shifted = _from_today(line, day, language)
    if shifted is not None:
        return shifted
    counted = _counted(sentence, said, day, language, how_long=how_long)
    if counted is not None:
        return counted
    if _OVERMORROW.search(line):
        return day + timedelta(days=2)
    if _TOMORROW[language] in _MORNING.sub(" ", line).split():
        return day + timedelta(days=1)
    if _WEEK_END.search(line):
        return day + timedelta(days=(4 - said.weekday()) % 7)
    if _MONTH_END.search(line):
        return day.replace(day=calendar.monthrange(day.year, day.month)[1])
    if _TODAY[language].search(line):
        return day
    return numbered if numbered is not None else _at_a_time(sentence, said, day, language)


def _on_weekday(line: str, day: datetime, weekday: int, language: Language, data: LanguageData) -> datetime:
    """The weekday in ``line``: the next one, or as many weeks after it as are told."""
    first = day + timedelta(days=(weekday - day.weekday() - 1) % 7 + 1)
    name = next(word for word in line.split() if word in data.weekdays)
    if language == "es":
        on = next((match for match in _WEEK_ON.finditer(line) if match[1].split()[-1] == name), None)
        if on is not None:
            return first + timedelta(days=7 if on[2] == "ocho" else 14)
    else:
        weeks = next((match for match in _WEEKS_ON.finditer(line) if match[2] == name), None)
        if weeks is not None:
            return first + timedelta(days=7 * _many(weeks[1]))
        behind = (match for pattern in (_AFTER_NEXT, _WEEK_BEHIND) for match in pattern.finditer(line))
        if any(match[1] == name for match in behind):
            return first + timedelta(days=7)
    if _NEXT_WEEK[language].search(line):
        return day + timedelta(days=7 - day.weekday() + weekday)
    return first


def _from_today(line: str, day: datetime, language: Language) -> datetime | None:
    """ "De mañana en ocho", "two weeks from today", "a week tomorrow"."""
    for match in (_WEEK_ON if language == "es" else _WEEKS_ON).finditer(line):
        if language == "es" and match[1] in ("hoy", "manana"):
            return day + timedelta(days=(7 if match[2] == "ocho" else 14) + (match[1] == "manana"))
        if language == "en" and match[2] in ("today", "tomorrow", "now"):
            return day + timedelta(days=7 * _many(match[1]) + (match[2] == "tomorrow"))
    if language == "en" and re.search(r"\b(?:in|within|for) a fortnight\b|\bfortnight (?:from )?(?:today|now)\b", line):
        return day + timedelta(days=14)
    return None


def _many(word: str) -> int:
    return int(word) if word.isdigit() else NUMBERS["en"].get(word, 1)


def full_date(sentence: str, at: float, zone: ZoneInfo, language: Language) -> datetime | None:
    """The first day in ``sentence`` that is told with its month, seen from ``at`` (seconds UTC); None without one."""
    said = datetime.fromtimestamp(at, zone)
    return _date(sentence, said.replace(hour=0, minute=0, second=0, microsecond=0), language)


def _date(sentence: str, day: datetime, language: Language) -> datetime | None:
    """A day with its month, the next time it comes unless a year is told."""
    for entity in find_entities(sentence, style_of(language)):
        if entity.kind != "date":
            continue
        year, month, number = re.fullmatch(r"(\d{4}|-)-(\d\d)-(\d\d)", entity.value).groups()  # type: ignore[union-attr]
        try:
            found = day.replace(year=day.year if year == "-" else int(year), month=int(month), day=int(number))
        except ValueError:
            continue
        if year == "-" and (day - found).days > _LONGEST:
            found = found.replace(year=found.year + 1)
        return found
    return None


def _at_a_time(sentence: str, said: datetime, day: datetime, language: Language) -> datetime | None:
    """ "a las nueve": the day on which it is nine next, in the morning or in the evening."""
    match = _CLOCK[language].search(normalise(sentence))
    hour = (int(match[1]) if match[1].isdigit() else NUMBERS[language].get(match[1], 0)) if match else 0
    if not 1 <= hour <= 23:
        return None
    passed = all(later % 24 <= said.hour for later in (hour, hour + 12 * (hour < 12)))
    return day + timedelta(days=int(passed))


def bare_day(sentence: str, language: Language) -> int:
    """The day of a month in "el 15", "the 21st", "Tuesday the 1st"; of "del 10 al 15" the end; 0 without one."""
    line = normalise(sentence)
    number = 0
    if language == "es":
        for run in find_numbers(sentence, language):
            before = f"{words_before(sentence, run.start, _CONTEXT)[0]} "
            last = before.split()[-1:]
            named = _DAY_ES.search(before) or (last and last[0] in _WEEKDAYS_ES)
            follows = run.after.split()[:1] not in (["por"], ["de"])
            if named and len(run.numbers) == 1 and _is_day(run) and follows and (not number or last == ["al"]):
                number = int(run.groups[0])
        return number or int(bool(_FIRST_ES.search(line)))
    match = re.search(r"\b(\d{1,2})(?:st|nd|rd|th)\b", sentence.lower())
    if match:
        return int(match[1])
    return next((ORDINALS[word] for word in _ORDINAL_EN.findall(line) if word in ORDINALS), 0)


def _day_of_month(sentence: str, day: datetime, language: Language) -> datetime | None:
    """ "el 15", "the 21st": the next day of that number."""
    number = bare_day(sentence, language)
    if not 1 <= number <= 31:
        return None
    found = day
    for _ in range(4):
        if found.day <= number <= calendar.monthrange(found.year, found.month)[1] and (
            number != day.day or found != day
        ):
            return found.replace(day=number)
        if found == day and number == day.day:
            return day
        found = (found.replace(day=1) + timedelta(days=32)).replace(day=1)
    return None


_FIRST_ES: Final = re.compile(
    r"\b(?:el|dia|lunes|martes|miercoles|jueves|viernes|sabado|domingo) primero\b(?! de cada)"
)
# "on the fifteenth", "Tuesday the first": an ordinal that numbers something else ("the first year") is no day.
_ORDINAL_EN: Final = re.compile(
    r"\bthe (\w+)(?=$| (?:of|at|between|in the|and|then|without|or|for|so|if|please|by|from)\b)"
)
_WEEKDAYS_ES: Final = frozenset(["lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo"])


def _is_day(run: Run) -> bool:
    value = run.groups[0]
    return value.is_integer() and 1 <= value <= 31 and not run.symbol


def _counted(sentence: str, said: datetime, day: datetime, language: Language, *, how_long: bool) -> datetime | None:
    """ "en 5 días hábiles", "within 48 hours"; of several the last, so that a range counts with its far end."""
    found = None
    for count, unit, rest in _counts(sentence, language, how_long=how_long):
        if unit in _MINUTES:
            found = said + timedelta(minutes=count)
        elif unit in _HOURS:
            full_days = count % 24 == 0 and bool(_WORKING.intersection(rest))
            found = _working(day, count // 24) if full_days else said + timedelta(hours=count)
        elif unit in _WEEKS:
            found = day + timedelta(days=7 * count)
        elif unit in _MONTHS:
            found = (day.replace(day=1) + timedelta(days=31 * count)).replace(day=min(day.day, 28))
        elif unit in _DAYS:
            found = _working(day, count) if _WORKING.intersection((unit, *rest)) else day + timedelta(days=count)
    return found


def _counts(sentence: str, language: Language, *, how_long: bool) -> Iterator[tuple[int, str, list[str]]]:
    for run in find_numbers(sentence, language):
        unit = run.after.split()
        count = run.groups[-1]
        if not unit or not 0 < count <= _LONGEST:
            continue
        if _SPAN[language].search(f"{words_before(sentence, run.start, _CONTEXT)[0]} "):
            continue
        if how_long or _bounded(sentence, run.start) or unit[0] in _WORKING or set(unit[1:2]) & _WORKING:
            yield int(count), unit[0], unit[1:2]
    if how_long:
        yield from (
            (2, match[1], []) for match in re.finditer(r"\b(?:a couple of|un par de) (\w+)", normalise(sentence))
        )
    # "en una hora", "in a week": an article counts one.
    for match in re.finditer(r"\b(?:en|dentro de|in|within) (?:una?|an?) (\w+)", normalise(sentence)):
        yield 1, match[1], []


def _bounded(sentence: str, end: int) -> bool:
    """Whether the words before ``end`` make what follows a time within which something is done."""
    count = _CONTEXT
    while True:
        words, whole = words_before(sentence, end, count)
        if _WITHIN.search(words):
            return True
        if whole or not _BETWEEN.issuperset(words.split()[2:]):
            return False
        count *= 2


def _working(day: datetime, count: int) -> datetime:
    while count > 0:
        day += timedelta(days=1)
        if day.weekday() < 5:
            count -= 1
    return day


def written(moment: datetime) -> str:
    """ISO date, with the time where one is meant: read the same way in every country."""
    return moment.strftime("%Y-%m-%d %H:%M" if (moment.hour, moment.minute) != (0, 0) else "%Y-%m-%d")
