"""Whether the installed encoder still says what the published one says.

`reference.npz` beside this module holds the rows that the wheel's own engine gives for SENTENCES as queries,
written by `python -m bench.encoder_reference`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from models.errors import ModelDamaged
from models.strings import say
from models.text.encoder import E5Encoder

SENTENCES: Final = (
    "Llevo tres semanas esperando el reembolso y nadie me da una respuesta.",
    "¿Me puede confirmar los últimos cuatro dígitos de su documento, por favor?",
    "Quiero dar de baja la línea y que no me cobren más.",
    "Le agradezco mucho, señorita, ya quedó todo resuelto.",
    "My internet has been down since Monday and I work from home.",
    "Could you please confirm the last four digits of your card?",
    "I'd like to cancel my subscription and get my money back.",
    "Thank you so much, that was really helpful.",
)
LEAST: Final = 0.99


def check_encoder(folder: Path) -> None:
    """Compare the encoder in `folder` with the published one; a tenth of a second.

    Raises `ModelDamaged` when a sentence's cosine is below 0.99, or the files cannot be read.
    """
    encoder = E5Encoder(folder)
    with np.load(Path(__file__).with_name("reference.npz")) as stored:
        reference = stored["e5"].astype(np.float32)
    cosines = (encoder.encode(SENTENCES) * reference).sum(1) / np.linalg.norm(reference, axis=1)
    if not cosines.min() >= LEAST:
        what = say("damaged.what", name=encoder.name, reason=f"cosine {cosines.min():.3f} < {LEAST}")
        raise ModelDamaged(what, where=str(folder), do=say("damaged.do", name=encoder.name))
