"""Word error rate of the demo conversations against their own scripts, over a real SIP call each.

    python -m bench.demo_wer [--language es] [--language en]

Each leg's finals, put together in order, are compared with what its script says. Numbers are compared as spoken, so
"742815" and "siete cuatro dos…" differ: digit strings that the recogniser groups count as errors.
"""

import argparse
import asyncio
import json
from pathlib import Path

from assist import log
from assist.events import PARTIES, Heard, Language
from bench.live import run_calls
from bench.text import word_errors

OUT = Path(__file__).parent / "out" / "demo_wer.json"


def measure(language: Language) -> list[dict[str, object]]:
    """One row per leg and one for the call."""
    (call,) = asyncio.run(run_calls(language, 1))
    rows: list[dict[str, object]] = []
    total = [0, 0]
    for party in PARTIES:
        reference = " ".join(turn.text for turn in call.conversation.turns if turn.party == party)
        finals = [event for _, event in call.seen if isinstance(event, Heard) and event.final and event.party == party]
        heard = " ".join(event.text for event in sorted(finals, key=lambda event: event.t0))
        errors, words = word_errors([reference], [heard], language)
        total[0] += errors
        total[1] += words
        rows.append({"language": language, "leg": party, "words": words, "wer": errors / words, "heard": heard})
    rows.append({"language": language, "leg": "both", "words": total[1], "wer": total[0] / total[1]})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--language", action="append", choices=["es", "en"])
    parser.add_argument("--show", action="store_true", help="print what was heard")
    args = parser.parse_args()
    log.configure("error")
    rows = [row for language in args.language or ["es", "en"] for row in measure(language)]
    print(f"{'language':<10}{'leg':<10}{'words':>6}{'WER %':>8}")
    for row in rows:
        print(f"{row['language']:<10}{row['leg']:<10}{row['words']:>6}{100 * float(str(row['wer'])):>8.1f}")
        if args.show and "heard" in row:
            print("   ", row["heard"])
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
