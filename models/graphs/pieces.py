"""Which pieces of a multilingual vocabulary are kept, and the tokenizer of what is left.

A multilingual encoder reads a hundred thousand and more pieces, of which Spanish and English use a part. A word that
needs another piece is spelled with smaller ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from models.errors import OptimiseError
from models.strings import say

TOKENIZER: Final = "tokenizer.json"
ROWS: Final = "rows.npy"
GRAPH: Final = "encoder.onnx"


def listed(size: int) -> NDArray[np.int64]:
    """Ascending ids of the pieces kept of E5's vocabulary, which has `size` pieces: those that Spanish and English
    texts were seen to use, and every Latin letter, figure and sign. Raises `OptimiseError` when the list is of another
    vocabulary.

    `e5_pieces.bits` holds one bit for each piece, made by `python -m bench.encoder_reference`.
    """
    path = Path(__file__).with_name("e5_pieces.bits")
    bits = np.unpackbits(np.frombuffer(path.read_bytes(), np.uint8))
    if not size <= bits.size < size + 8:
        raise unexpected(path, f"{bits.size} bits for {size} pieces")
    return np.flatnonzero(bits)


def tokenizer(pieces: Sequence[str], scores: Sequence[float], unknown: int) -> Tokenizer:
    """SentencePiece's unigram segmentation (Kudo 2018, arXiv 1804.10959) with its nmt_nfkc normalisation."""
    made = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=unknown, byte_fallback=False))
    # nmt_nfkc: blanks and format characters are spaces, other controls nothing, the rest Unicode's NFKC.
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(r"[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]"), " "),
            normalizers.Replace(Regex(r"[\x00-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]"), ""),
            normalizers.NFKC(),
            normalizers.Replace(Regex(r" {2,}"), " "),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    return made


def unexpected(path: Path, reason: str) -> OptimiseError:
    return OptimiseError(say("optimise.what", reason=reason), where=str(path), do=say("optimise.do"))
