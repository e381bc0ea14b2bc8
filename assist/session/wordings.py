"""The bank of wordings with its rows: encoded beforehand, so that a playbook is loaded in a moment.

    python -m assist.session.wordings      encodes the bank anew; after every change of data/wordings or of the encoder

The file holds 8-bit rows (of length 1 when read), a fingerprint of the texts, and the encoder's name.
"""

import hashlib
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from assist.decide.borrowing import LANGUAGES, Bank, unit
from assist.decide.kit import SentenceEncoder
from assist.decide.meaning import background, plain
from assist.decide.wordings import Act, packaged_acts
from assist.errors import ConfigError
from assist.events import Language
from assist.session.encoder import installed_encoder

ROWS: Final = "wordings.npz"
_STEPS: Final = 127
_PROBES: Final = 3
_SAME: Final = 0.97
"""Least cosine of a stored row and the installed encoder's: processors differ in the last bits, encoders in all."""


def open_bank(encoder: SentenceEncoder) -> Bank | None:
    """The packaged bank; None for an encoder that the stored rows are not of, which does without.

    Raises:
        ConfigError: the rows are missing or belong to other texts (a change of the package that was not finished).
    """
    acts = packaged_acts()
    texts = bank_texts(acts)
    try:
        with (
            resources.as_file(resources.files("assist.decide").joinpath("data", ROWS)) as path,
            np.load(path) as stored,
        ):
            name, mark = str(stored["encoder"]), str(stored["texts"])
            whole: NDArray[np.int8] = stored["rows"]
    except (OSError, KeyError, ValueError) as err:
        raise ConfigError(
            f"{ROWS} can't be read ({type(err).__name__}); run: python -m assist.session.wordings"
        ) from None
    if mark != fingerprint(texts):
        raise ConfigError(f"{ROWS} is of other texts than data/wordings; run: python -m assist.session.wordings")
    if name != encoder.name or whole.shape[1] != encoder.size:
        return None
    some = np.linspace(0, len(texts) - 1, _PROBES).astype(int)
    fresh = encoder.encode([texts[at] for at in some])
    if float((fresh * unit(whole[some].astype(np.float32))).sum(axis=1).min()) < _SAME:
        return None
    return _bank(acts, whole)


def bank_texts(acts: tuple[Act, ...]) -> list[str]:
    """All sentences in the order of the rows: act by act, language by language, then the neutral talk."""
    said = [line for act in acts for language in LANGUAGES for line in act.wordings[language]]
    return [plain(line) for line in said] + [line for language in LANGUAGES for line in background(language)]


def fingerprint(texts: list[str]) -> str:
    """What tells one bank of texts from another."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _bank(acts: tuple[Act, ...], whole: NDArray[np.int8]) -> Bank:
    """Act by act: all rows as floats at once would take a hundred megabytes for a moment."""

    def rows(start: int, count: int) -> NDArray[np.float32]:
        # Of length 1, whatever their scale was.
        return unit(whole[start : start + count].astype(np.float32))

    parts: dict[Language, list[NDArray[np.float16]]] = {language: [] for language in LANGUAGES}
    at = 0
    for act in acts:
        for language in LANGUAGES:
            count = len(act.wordings[language])
            parts[language].append(rows(at, count).astype(np.float16))
            at += count
    neutral: dict[Language, NDArray[np.float32]] = {}
    for language in LANGUAGES:
        count = len(background(language))
        neutral[language] = rows(at, count)
        at += count
    return Bank(acts, {language: tuple(found) for language, found in parts.items()}, neutral)


def write(path: Path, encoder: SentenceEncoder) -> int:
    """Encode the bank into ``path``; the number of rows."""
    texts = bank_texts(packaged_acts())
    rows = encoder.encode(texts)
    scales = np.abs(rows).max(axis=1) / _STEPS
    whole = np.round(rows / scales[:, None]).astype(np.int8)
    np.savez_compressed(path, encoder=encoder.name, texts=fingerprint(texts), rows=whole)
    return len(rows)


def main() -> None:
    encoder = installed_encoder()
    if encoder is None:
        raise SystemExit("the sentence encoder is not installed; run: apuntador models fetch e5-small-es-en")
    path = Path(str(resources.files("assist.decide"))) / "data" / ROWS
    count = write(path, encoder)
    print(f"{path.name}: {count} rows, {path.stat().st_size / 1e6:.1f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
