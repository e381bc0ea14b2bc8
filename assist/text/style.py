"""How numbers are written: separators by setting, signs by language."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from assist.events import Language
from assist.text.words import CURRENCIES, SIGNS

NumberFormat: TypeAlias = Literal["1.234,5", "1,234.5"]
DEFAULT_FORMAT: Final[dict[Language, NumberFormat]] = {"es": "1.234,5", "en": "1,234.5"}
_LARGEST: Final = 1e15


@dataclass(frozen=True, slots=True)
class Style:
    """A language's way of writing; ``number_format`` is an example of it."""

    language: Language
    number_format: NumberFormat

    @property
    def thousands(self) -> str:
        """The thousands separator."""
        return self.number_format[1]

    @property
    def decimal(self) -> str:
        """The decimal mark."""
        return self.number_format[-2]

    def number(self, value: float, *, places: int | None = None, group_from: int = 5) -> str:
        """``value`` written; from ``group_from`` whole digits on with thousands separators."""
        whole, _, rest = (f"{value:.{places}f}" if places is not None else f"{value:.10g}").partition(".")
        if value >= 1e10 and places is None:
            whole, rest = f"{value:.0f}", ""
        if len(whole) >= group_from:
            whole = f"{int(whole):,}".replace(",", self.thousands)
        return f"{whole}{self.decimal}{rest}" if rest else whole

    def money(self, amount: float, code: str, word: str) -> str:
        """A sum; ``word`` is the currency as said, kept where the language has no sign for it."""
        number = self.number(amount, places=None if amount == int(amount) else 2, group_from=4)
        sign = SIGNS[self.language].get(code)
        if sign is None:
            return f"{number} {word}"
        if code == "EUR" and self.language == "es":
            return f"{number} €"
        return f"{sign} {number}" if sign == "S/" else f"{sign}{number}"


def style_of(language: Language, number_format: NumberFormat | None = None) -> Style:
    """The language's style, with other separators where the company's country has them."""
    return Style(language, number_format or DEFAULT_FORMAT[language])


def writable(value: float) -> bool:
    """Whether a number is small enough to be one: longer ones are strings of digits."""
    return value < _LARGEST


def currency_of(word: str, language: Language) -> str:
    """Code of the currency ``word`` (plain) names, or nothing."""
    return CURRENCIES[language].get(word, "")
