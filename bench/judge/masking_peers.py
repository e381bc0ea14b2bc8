"""Presidio in its own environment, asked by `bench.judge.masking`: lines in on stdin, what it would mask out on stdout.

    .venv-peers/bin/pip install -r bench/judge/masking_peers.txt

Its recognisers of patterns, checksums and phone numbers, with the words around them; without its models of names, which
no package registry has in Spanish for this release and which numbers do not need.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    languages = ("es", "en")

    words: Any = SpacyNlpEngine()
    words.nlp = {language: spacy.blank(language) for language in languages}
    registry = RecognizerRegistry(supported_languages=list(languages))
    registry.load_predefined_recognizers(languages=list(languages))
    registry.remove_recognizer("EmailRecognizer")  # it asks the network for a list of domains
    engine: Any = AnalyzerEngine(registry=registry, nlp_engine=words, supported_languages=list(languages))
    asked = json.load(sys.stdin)
    print(
        json.dumps(
            [
                [
                    (found.start, found.end, found.entity_type)
                    for found in engine.analyze(line["text"], line["language"])
                ]
                for line in asked
            ]
        )
    )


if __name__ == "__main__":
    main()
