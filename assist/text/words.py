"""Words of both languages that have a value or a place in a written form. Keys are plain: lower case, no accents."""

from typing import Final

from assist.events import Language


def words_of(text: str) -> frozenset[str]:
    """The words of a list written as one string."""
    return frozenset(text.split())


def _count(words: str, first: int = 0, step: int = 1) -> dict[str, int]:
    return {word: first + step * place for place, word in enumerate(words.split())}


_ES: Final = {
    **_count("cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis"),
    **_count("diecisiete dieciocho diecinueve veinte veintiuno veintidos veintitres veinticuatro veinticinco", 17),
    **_count("veintiseis veintisiete veintiocho veintinueve treinta", 26),
    **_count("treinta cuarenta cincuenta sesenta setenta ochenta noventa cien", 30, 10),
    **_count("ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos", 100, 100),
    **_count("ochocientos novecientos", 800, 100),
    **_count(
        "doscientas trescientas cuatrocientas quinientas seiscientas setecientas ochocientas novecientas", 200, 100
    ),
    **{"un": 1, "una": 1, "veintiun": 21, "veintiuna": 21},
}
_EN: Final = {
    **_count("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"),
    **_count("sixteen seventeen eighteen nineteen twenty", 16),
    **_count("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10),
    **{"oh": 0, "o": 0, "fourty": 40},
}
NUMBERS: Final[dict[Language, dict[str, int]]] = {"es": _ES, "en": _EN}
SCALES: Final[dict[Language, dict[str, int]]] = {
    "es": {"mil": 1000, "millon": 1_000_000, "millones": 1_000_000},
    "en": {"hundred": 100, "thousand": 1000, "million": 1_000_000},
}
REPEATS: Final[dict[Language, dict[str, int]]] = {
    "es": {"doble": 2, "triple": 3},
    "en": {"double": 2, "triple": 3},
}
JOIN: Final[dict[Language, str]] = {"es": "y", "en": "and"}
WEAK: Final = frozenset({"un", "una", "uno", "one", "oh", "o"})
"""Alone, these are articles or interjections far more often than numbers."""

MONTHS: Final[dict[Language, dict[str, int]]] = {
    "es": {
        **_count("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre", 1),
        "setiembre": 9,
    },
    "en": _count("january february march april may june july august september october november december", 1),
}
MONTH_NAMES: Final[dict[Language, tuple[str, ...]]] = {
    language: tuple(names)[:12] for language, names in MONTHS.items()
}
DAYS_IN_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

ORDINALS: Final = {
    **_count("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth", 1),
    **_count("fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth", 14),
    "thirtieth": 30,
}
"""English; a day of the month."""

CURRENCIES: Final[dict[Language, dict[str, str]]] = {
    "es": {
        **dict.fromkeys(("peso", "pesos"), "pesos"),
        **dict.fromkeys(("dolar", "dolares"), "USD"),
        **dict.fromkeys(("euro", "euros"), "EUR"),
        **dict.fromkeys(("sol", "soles"), "PEN"),
        **dict.fromkeys(("quetzal", "quetzales"), "GTQ"),
        **dict.fromkeys(("boliviano", "bolivianos"), "BOB"),
        **dict.fromkeys(("colon", "colones"), "CRC"),
        **dict.fromkeys(("lempira", "lempiras"), "HNL"),
        **dict.fromkeys(("guarani", "guaranies"), "PYG"),
        **dict.fromkeys(("bolivar", "bolivares"), "VES"),
    },
    "en": {
        **dict.fromkeys(("dollar", "dollars", "bucks"), "USD"),
        **dict.fromkeys(("euro", "euros"), "EUR"),
        **dict.fromkeys(("pound", "pounds", "quid"), "GBP"),
        **dict.fromkeys(("peso", "pesos"), "pesos"),
    },
}
"""ISO 4217 where the word tells it; "pesos" stays, for eight countries have them."""
SIGNS: Final[dict[Language, dict[str, str]]] = {
    "es": {"pesos": "$", "USD": "US$", "EUR": "€", "PEN": "S/", "GTQ": "Q"},
    "en": {"USD": "$", "EUR": "€", "GBP": "£"},
}
SIGN_CODES: Final[dict[Language, dict[str, str]]] = {
    language: {sign: code for code, sign in signs.items()} for language, signs in SIGNS.items()
}
CENTS: Final[dict[Language, frozenset[str]]] = {
    "es": frozenset({"centavo", "centavos", "centimo", "centimos"}),
    "en": frozenset({"cent", "cents", "pence"}),
}
UNITS: Final[dict[Language, frozenset[str]]] = {
    "es": words_of(
        "mega megas giga gigas gigabytes megabytes gb mb mbps kilo kilos kilogramos gramos kg km kilometros metros "
        "centimetros milimetros litros grados vatios watts voltios amperios pulgadas"
    ),
    "en": words_of(
        "mega megs gig gigs gigabytes megabytes gb mb mbps kilos kilograms grams kg km kilometers kilometres meters "
        "metres miles inches feet liters litres degrees watts volts amps ounces"
    ),
}
COUNTED: Final[dict[Language, frozenset[str]]] = {
    "es": words_of("dia dias hora horas minuto minutos segundos semanas mes meses ano anos veces personas"),
    "en": words_of("day days hour hours minute minutes seconds weeks month months year years times people"),
}
"""After these a list of numbers counts something and is no number to dial."""

PART_OF_DAY: Final[dict[str, str]] = {"manana": "am", "madrugada": "am", "tarde": "pm", "noche": "pm", "mediodia": "pm"}
MARKS: Final = {"am": "a. m.", "pm": "p. m."}

LETTERS: Final[dict[Language, dict[str, str]]] = {
    "es": {
        **{"be": "B", "ce": "C", "de": "D", "efe": "F", "ge": "G", "hache": "H", "jota": "J", "ka": "K", "ele": "L"},
        **{"eme": "M", "ene": "N", "pe": "P", "cu": "Q", "erre": "R", "ese": "S", "te": "T", "uve": "V", "ve": "V"},
        **{"equis": "X", "ye": "Y", "zeta": "Z"},
    },
    "en": {},
}
WEAK_LETTERS: Final[dict[Language, frozenset[str]]] = {
    "es": words_of("a e i o u y de te ese ve ele cu"),
    "en": words_of("a i o"),
}
"""Letters (by symbol or name) that are also words: they count beside one that is not."""
SPELLING: Final[dict[Language, tuple[tuple[str, ...], ...]]] = {
    "es": (("de",), ("como", "de"), ("como",)),
    "en": (("as", "in"), ("for",), ("like",)),
}
"""Between a letter and the word that makes it clear: "be de burro", "B as in boy"."""

WEEKDAYS: Final = words_of("monday tuesday wednesday thursday friday saturday sunday")
ABBREVIATIONS: Final = words_of("sr sra srta dr dra mr mrs ms st etc ud uds no num tel ext av vs p m a")
