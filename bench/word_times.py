"""How far the recogniser's word times are off, against a truth that owes nothing to a recogniser.

    python -m bench.word_times [--language es] [--model moonshine-base-es] [--json OUT]
    python -m bench.word_times --choose-heads --model moonshine-tiny-en --published FOLDER

espeak-ng speaks sentences of calls and tells at which sample each word begins and ends (`bench.espeak`). They are heard
at the telephone band (8 kHz, µ-law, line noise of -72 dBFS), streamed in the gateway's chunks through the product's
recogniser. Counted are words that were heard rightly and are not written in figures; the rest has no border to compare.
The voices are synthetic, and harder for the models than people are: read the errors, not how many words were heard.

With `--choose-heads` the decoder's cross-attention heads of a Moonshine model are ranked as aligners (`bench.heads`):
chosen on one half of the sentences and voices, checked on the other. FOLDER holds the published graphs
(encoder_model.onnx, decoder_model_merged.onnx), as they come in the package that the catalogue names.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assist.config import Settings
from assist.events import Language
from bench.espeak import Espeak, EspeakError
from bench.heads import choose
from bench.machine import describe
from bench.word_borders import measure, print_head, print_row, row, said
from models.asr.registry import available, open_recogniser
from models.catalog import load_catalog
from models.errors import ModelsError

OUT = Path(__file__).parent / "out" / "word_times.json"
_LANGUAGES: tuple[Language, ...] = ("es", "en")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--language", action="append", choices=_LANGUAGES)
    parser.add_argument("--model", action="append", help="of the catalogue, installed; default: all that are")
    parser.add_argument("--choose-heads", action="store_true", help="rank the cross-attention heads of one --model")
    parser.add_argument("--published", type=Path, help="with --choose-heads: folder of the model's published graphs")
    parser.add_argument("--json", type=Path, default=OUT)
    args = parser.parse_args(argv)
    if args.choose_heads and (not args.published or len(args.model or []) != 1):
        parser.error("--choose-heads goes with one --model and --published FOLDER")
    models, catalog = Settings().models_path, load_catalog()
    rows: list[dict[str, Any]] = []
    machine = describe()
    print(machine)
    try:
        espeak = Espeak()
        if args.choose_heads:
            model = catalog.get(args.model[0])
            language: Language = "es" if model.language == "es" else "en"
            halves = said(espeak, language, half="choose"), said(espeak, language, half="check")
            rows = choose(model, args.published, *halves, models=models)
        else:
            print_head()
            for name in args.model or [m.name for m in available(models)]:
                language = "es" if catalog.get(name).language == "es" else "en"
                if language not in (args.language or _LANGUAGES):
                    continue
                recogniser = open_recogniser(language, model=name, models_dir=models)
                errors = measure(recogniser, said(espeak, language), language)
                recogniser.close()
                print_row(language, name, errors)
                rows.append(row(language, name, errors))
    except (EspeakError, ModelsError) as error:
        print(f"bench.word_times: {error}", file=sys.stderr)
        return 2
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps({"machine": asdict(machine), "rows": rows}, ensure_ascii=False, indent=1), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
