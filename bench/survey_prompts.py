"""Make the survey's recordings, `gateway/prompts/<language>/<name>.wav`, from `gateway/prompts/texts.yaml`.

    python -m bench.survey_prompts es --kokoro-js kokoro-js-1.2.1.tgz

Voices, licences and what has to be installed are those of the demo: see assist/demo/README.md.
"""

import argparse
from pathlib import Path

import numpy as np
import yaml

from assist.events import Language
from bench.demo_audio.__main__ import VOICES, prepare, write_wav
from bench.demo_audio.voice import Kokoro

FOLDER = Path(__file__).parents[1] / "gateway" / "prompts"
_TAIL = np.zeros(1200, np.float32)
"""150 ms: the next recording must not follow on its heels."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.survey_prompts", description=__doc__.splitlines()[0])
    parser.add_argument("language", choices=("es", "en"))
    parser.add_argument("--kokoro-js", type=Path, default=Path("kokoro-js-1.2.1.tgz"), help="npm tarball of voices")
    options = parser.parse_args()
    language: Language = options.language
    texts: dict[str, str] = yaml.safe_load((FOLDER / "texts.yaml").read_text("utf-8"))[language]
    kokoro = Kokoro(language, options.kokoro_js)
    (FOLDER / language).mkdir(exist_ok=True)
    for name, text in texts.items():
        clip = prepare(kokoro.speak(text, VOICES[language]["agent"], 1.0))
        write_wav(FOLDER / language / f"{name}.wav", np.concatenate((clip.samples, _TAIL)))
        print(f"{language}/{name}.wav: {len(clip.samples) / 8000:.1f} s")


if __name__ == "__main__":
    main()
