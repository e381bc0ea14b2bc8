"""Prompts of Asterisk as a corpus, where Debian's packages are installed:

    apt install asterisk-core-sounds-es asterisk-core-sounds-es-wav asterisk-core-sounds-en asterisk-core-sounds-en-wav

One voice in both languages, 8 kHz. The texts are the packages' own list, which says in a few places something else
than the voice. `asterisk-prompt-es-co` has no texts.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from assist.events import Language
from bench.corpus import CorpusError, Utterance, read_wav

_VOICES: Final = {"es": "es_MX_f_Allison", "en": "en_US_f_Allison"}
_SHORTEST: Final = 3  # words; shorter prompts are said as parts of a sentence


def packaged_prompts(root: Path = Path("/")) -> list[Utterance]:
    """All prompts of three words or more, in the order of the lists.

    Raises:
        CorpusError: no package is installed, or its list is broken.
    """
    found = []
    for language, voice in _VOICES.items():
        sounds = root / "usr/share/asterisk/sounds" / voice
        for name, text in _texts(root / f"usr/share/doc/asterisk-core-sounds-{language}", language):
            path = sounds / f"{name}.wav"
            if path.exists() and len(text.split()) >= _SHORTEST:
                pcm, rate = read_wav(path)
                found.append(Utterance(f"{language}/{name}", cast(Language, language), text, pcm, rate))
    if not found:
        packages = " ".join(f"asterisk-core-sounds-{x} asterisk-core-sounds-{x}-wav" for x in _VOICES)
        raise CorpusError(f"no packaged prompts below {root}; run: apt install {packages}")
    return found


def _texts(folder: Path, language: str) -> Iterator[tuple[str, str]]:
    """Name and text of each prompt that is speech."""
    stem = folder / f"core-sounds-{language}.txt"
    try:
        if stem.exists():
            lines = stem.read_text("utf-8").splitlines()
        elif (packed := stem.with_suffix(".txt.gz")).exists():
            lines = gzip.decompress(packed.read_bytes()).decode("utf-8").splitlines()
        else:
            return
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise CorpusError(f"{folder}: the list of texts cannot be read ({error}); install the package again") from error
    for line in lines:
        name, separator, text = line.partition(":")
        text = text.strip()
        if separator and not line.startswith(";") and text and "[" not in text:
            yield name.strip(), text
