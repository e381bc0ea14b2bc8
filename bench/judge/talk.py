"""False hits in running talk: what the example playbooks find by meaning in calls, and which of it is right.

    python -m bench.judge talk      the figures
    python -m bench.judge.talk      every hit

The four example playbooks on the demo conversation of their language and the development calls of their trade
(``bench/judge/data/calls``). Counted are hits by meaning or likeness alone, not those that a phrase explains. Every
turn counts as neutral for every item but for the hits in ``data/talk.yaml``, which were read one by one and are right:
the item's key, a bar, how the line begins. "Without the bank" is the same product with no bank of wordings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import yaml

import assist.playbooks
from assist.config import Settings
from assist.decide.kit import Kit, SentenceEncoder
from assist.decide.lexicon import LexiconBaseline
from assist.demo.conversation import load_script
from assist.events import Language, Party
from assist.session.encoder import installed_encoder
from assist.session.kits import make_kits
from assist.session.playbooks import read_playbook
from bench.card_lines import offered
from bench.judge._scripted import load
from bench.judge.row import OURS, Options, Row, SkippedError

NAME: Final = "talk"
ALONE: Final = "without the bank"
SYSTEMS: Final = (OURS, ALONE)
LANGUAGES: Final[tuple[Language, ...]] = ("en", "es")
_BEGINNING: Final = 90
_TRADES: Final = {"card_fraud": "ban", "telecom_complaints": "tel"}
"""How the ids of the calls of a playbook's trade begin."""
_EXAMPLES: Final = Path(assist.playbooks.__file__).parent / "examples"
_RIGHT: Final = Path(__file__).parent / "data" / "talk.yaml"


@cache
def right() -> frozenset[str]:
    """The hits that are right, of both languages."""
    return frozenset(yaml.safe_load(_RIGHT.read_text(encoding="utf-8")))


def turns(language: Language, trade: str) -> list[tuple[Party, str]]:
    """Who says what, in the demo and the trade's development calls."""
    told: list[tuple[Party, str]] = [(turn.party, turn.text) for turn in load_script(language).turns]
    calls = [call for call in load(language, dev=True) if call.id.startswith(trade)]
    return told + [(turn.party, turn.text) for call in calls for turn in call.turns]


def hits(kit: Kit, said: Sequence[tuple[Party, str]]) -> Iterator[tuple[str, str]]:
    """What is found by meaning alone: the item's key and the line. Cards compete for a customer's line as in a call."""
    for party, text in said:
        cards = offered(kit, text, opening=False) if party == "customer" else frozenset()
        for spot in kit.playbook.spots():
            if not spot.examples or spot.party not in ("any", party) or kit.index.best(spot.phrases, text):
                continue
            kind, name, *_ = spot.key.split(".")
            competes = kind == "card" and spot.party == "customer" and kit.contest is not None
            if name in cards if competes else kit.spotted(spot, text, whole=True):
                yield spot.key, text


def marks(language: Language, encoder: SentenceEncoder) -> Iterator[tuple[str, str]]:
    """Every hit: the system, and the item with the line's beginning as ``data/talk.yaml`` has it."""
    for name, trade in _TRADES.items():
        book = read_playbook(_EXAMPLES / f"{name}.{language}.yaml")
        ours = make_kits(Settings(), {language: book}, sentiment=LexiconBaseline(), meaning=encoder)[language]
        for system, kit in ((OURS, ours), (ALONE, Kit(book, LexiconBaseline(), meaning=encoder))):
            for key, line in hits(kit, turns(language, trade)):
                yield system, f"{key} | {line[:_BEGINNING]}"


def run(options: Options) -> Sequence[Row]:
    """The table."""
    encoder = installed_encoder()
    if encoder is None:
        raise SkippedError("the sentence encoder is not installed; run: apuntador models fetch e5-small-es-en")
    rows: list[Row] = []
    for language in LANGUAGES:
        found = list(marks(language, encoder))
        n = sum(
            len(turns(language, trade)) * sum(bool(spot.examples) for spot in book.spots())
            for name, trade in _TRADES.items()
            for book in (read_playbook(_EXAMPLES / f"{name}.{language}.yaml"),)
        )
        for system in SYSTEMS:
            said = [mark for of, mark in found if of == system]
            good = sum(mark in right() for mark in said)
            wrong = (len(said) - good) / n
            rows.append(Row(NAME, "running talk", language, system, "false positives", wrong, n, low=True))
            rows.append(Row(NAME, "running talk", language, system, "right hits", good, n))
    return rows


def main() -> None:
    """List every hit, to be read."""
    encoder = installed_encoder()
    if encoder is None:
        raise SystemExit("the sentence encoder is not installed; run: apuntador models fetch e5-small-es-en")
    for language in LANGUAGES:
        for system, mark in marks(language, encoder):
            print(f"{'right' if mark in right() else 'WRONG':<6}{language} {system:<18}{mark}")


if __name__ == "__main__":
    main()
