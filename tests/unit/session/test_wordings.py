"""The stored rows of the bank: of the present texts, and of the encoder that made them."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assist.decide.wordings import packaged_acts
from assist.errors import ConfigError
from assist.session import wordings
from assist.session.encoder import installed_encoder
from models.text.encoder import ParaphraseEncoder


def stored() -> Path:
    return Path(str(resources.files("assist.decide"))) / "data" / wordings.ROWS


class Other:
    """An encoder that is not the one of the rows."""

    name = "other"
    size = ParaphraseEncoder.size

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), self.size), np.float32) / np.float32(np.sqrt(self.size))


class Changed(Other):
    """The same name, other numbers."""

    name = ParaphraseEncoder.name


def test_the_rows_are_of_the_present_texts() -> None:
    texts = wordings.bank_texts(packaged_acts())
    with np.load(stored()) as found:
        assert str(found["texts"]) == wordings.fingerprint(texts), "run: python -m assist.session.wordings"
        assert len(found["rows"]) == len(texts)


def test_another_encoder_goes_without_the_bank() -> None:
    assert wordings.open_bank(Other()) is None
    assert wordings.open_bank(Changed()) is None


def test_rows_of_other_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordings, "packaged_acts", lambda: packaged_acts()[1:])
    with pytest.raises(ConfigError, match=r"assist\.session\.wordings"):
        wordings.open_bank(Other())


@pytest.mark.models
def test_the_installed_encoder_gives_the_stored_rows() -> None:
    encoder = installed_encoder()
    if encoder is None:
        pytest.skip("the sentence encoder is not installed (apuntador models fetch)")
    bank = wordings.open_bank(encoder)
    assert bank is not None
    act = packaged_acts()[7]
    fresh = encoder.encode([wordings.plain(line) for line in act.wordings["es"]])
    assert float((fresh * bank.rows["es"][7]).sum(axis=1).min()) > 0.99
