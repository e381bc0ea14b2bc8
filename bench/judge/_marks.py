"""The peer that intensity, urgency and effort have to beat: a list of words for each, in both languages.

Written without a look at the lines that judge; what a person would try first.
"""

from __future__ import annotations

import re
from typing import Final

NAME: Final = "marker words"
_WORDS: Final = {
    "intensity": r"!|\bmuy\b|much[ií]sim|\w{3,}[ií]sim[oa]s?\b|hart[oa]|furios|indign|verg[üu]enza|robo|ladron|estafa|"
    r"peor|jam[aá]s|encanta|incre[ií]ble|felicidad|desesperad|\bvery\b|\bso\b|really|absolutely|furious|worst|"
    r"disgrac|ridiculous|outrage|scam|hate|love|amazing|incredible|terrified|thrilled|sick of|fed up",
    "urgency": r"urgen|urge\b|emergencia|ya mismo|ahora mismo|ahorita|cuanto antes|lo antes posible|hoy mismo|inmediat|"
    r"enseguida|r[aá]pido|ap[uú]r|antes de las|\bemergency|right now|right away|immediately|as soon as|asap|hurry|"
    r"quick|today|tonight|this minute|straight away",
    "effort": r"\bveces\b|otra vez|de nuevo|cada vez|llevo|esperando|en espera|me pas(an|aron)|transfir|repetir|vuelta|"
    r"ya (he )?llam|\btimes\b|\bagain\b|every time|been (waiting|trying|calling|chasing)|on hold|transferred|passed|"
    r"bounced|keep (calling|getting|asking)|already (called|sent|told)|follow up",
}
_FOUND: Final = {flag: re.compile(words, re.IGNORECASE) for flag, words in _WORDS.items()}


def marked(flag: str, text: str) -> bool:
    """Whether ``text`` has one of the flag's words."""
    return _FOUND[flag].search(text) is not None
