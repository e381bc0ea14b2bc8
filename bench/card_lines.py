"""Single lines of customers and the cards they offer: what to choose the thresholds of cards with.

    python -m bench.card_lines [--show]

The lines of ``bench/judge/data/cards/dev.<language>.yaml`` (each should offer its card of the trade's playbook), and
the customers' lines of the development calls (which should offer none but the call's own). A line offers a card here as
soon as it matches; what a call's cool-down and limits make of that is measured by ``bench.judge calls``.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from assist.decide.cards.triggers import matches
from assist.decide.kit import Kit
from assist.events import Heard, Language
from bench.judge._scripted import load
from bench.judge.calls import kits_by_trade

_LINES: Final = Path(__file__).parent / "judge" / "data" / "cards"
_OPENING: Final = 2
_LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")


def offered(kit: Kit, text: str, *, opening: bool = True) -> frozenset[str]:
    """The cards that a customer's line speaks for; ``opening``: with it they say what they call for."""
    line = Heard(
        call_id="bench",
        at=1.0,
        party="customer",
        utterance_id="c1",
        text=text,
        stable_chars=len(text),
        final=True,
        t0=0.0,
        t1=1.0,
        language=kit.playbook.language,
        confidence=0.9,
    )
    return frozenset(card.id for card in kit.playbook.cards if matches(line, card, kit, opening=opening))


def lines(language: Language) -> Iterator[tuple[str, str, str]]:
    """Trade, card and line."""
    told = yaml.safe_load((_LINES / f"dev.{language}.yaml").read_text(encoding="utf-8"))
    for trade, cards in told.items():
        yield from ((trade, card, line) for card, said in cards.items() for line in said)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--show", action="store_true", help="every line that goes wrong")
    args = parser.parse_args()
    for language in _LANGUAGES:
        kits = kits_by_trade(language)
        found = wrong = total = 0
        for trade, card, line in lines(language):
            cards = offered(kits[trade], line)
            total += 1
            found += card in cards
            wrong += bool(cards - {card})
            if args.show and cards != {card}:
                print(f"{language} {trade:<10} {card:<16} {','.join(sorted(cards)) or '-':<30} {line}")
        said = false = 0
        for call in load(language, dev=True):
            kit = next((kit for trade, kit in kits.items() if trade[:3] == call.id[:3]), None)
            wanted = {topic for _, topic in call.must_show()} | call.useful
            told = [turn.text for turn in call.turns if turn.party == "customer"]
            for place, text in enumerate(told if kit is not None else ()):
                assert kit is not None
                said += 1
                false += bool(offered(kit, text, opening=place < _OPENING) - wanted)
        print(
            f"{language}: of {total} lines {found / total:.3f} offer their card, {wrong / total:.3f} another one; "
            f"of {said} lines in calls {false / said:.3f} offer one that is of no use"
        )


if __name__ == "__main__":
    main()
