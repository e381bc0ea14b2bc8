"""Words shown for audio that holds none: tones, modems, noise, made music, and the packaged hold music.

    python -m bench.nonspeech [--language es] [--language en] [--seconds 12]

At 8 kHz through µ-law, streamed in pieces of 100 ms. Every word that a screen would have shown counts, a partial that
is withdrawn later too. Writes `bench/out/nonspeech.json`.
"""

import argparse
import json
from pathlib import Path

from models.asr.registry import open_recogniser
from models.asr.types import Recogniser, Urgency
from tests import nonspeech
from tests.nonspeech import Pcm

OUT = Path(__file__).parent / "out" / "nonspeech.json"
RATE = 8000


def words(recogniser: Recogniser, pcm: Pcm) -> tuple[int, int]:
    """Words in partials and in finals."""
    stream = recogniser.stream(RATE)
    counts = [0, 0]

    def work() -> None:
        while stream.urgency() is not Urgency.NONE:
            for transcript in stream.step():
                counts[transcript.final] += len(transcript.text.split())

    for k in range(0, pcm.size, RATE // 10):
        stream.feed(pcm[k : k + RATE // 10])
        work()
    stream.finish()
    work()
    return counts[0], counts[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--language", action="append", choices=["es", "en"])
    parser.add_argument("--seconds", type=float, default=12, help="of each generated kind")
    args = parser.parse_args()
    audio = nonspeech.kinds(RATE, args.seconds)
    music = nonspeech.hold_music()
    if not music:
        print(f"no hold music: apt install {nonspeech.MOH_PACKAGE}")
    audio |= {f"hold music: {name}": nonspeech.through_ulaw(pcm) for name, pcm in music.items()}
    rows = []
    print(f"{'kind':<44}{'language':<10}{'seconds':>8}{'partial':>9}{'final':>7}")
    for language in args.language or ["es", "en"]:
        recogniser = open_recogniser(language)
        for name, pcm in audio.items():
            partial, final = words(recogniser, pcm)
            rows.append({"kind": name, "language": language, "s": pcm.size / RATE, "partial": partial, "final": final})
            if partial or final:
                print(f"{name:<44}{language:<10}{pcm.size / RATE:>8.0f}{partial:>9}{final:>7}")
        ours = [row for row in rows if row["language"] == language]
        total = [sum(float(row[key]) for row in ours) for key in ("s", "partial", "final")]
        print(f"{'all':<44}{language:<10}{total[0]:>8.0f}{total[1]:>9.0f}{total[2]:>7.0f}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
