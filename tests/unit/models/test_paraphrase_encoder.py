"""The paraphrase encoder's part that comes with the package: what is wrong with it, and what it was taught from."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from assist.decide import meaning
from assist.decide.wordings import packaged_acts
from models.errors import ModelDamaged
from models.graphs.pieces import GRAPH
from models.text.encoder import HELD_OUT, PARAPHRASE, ParaphraseEncoder
from models.train.sayings import bank, plain, roughened

BANK = Path(meaning.__file__).parent / "data" / "wordings"


def test_a_package_without_the_net_says_to_install_again(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged, match="pip install --force-reinstall") as told:
        ParaphraseEncoder(tmp_path, packaged=tmp_path)
    assert GRAPH in told.value.what


def test_a_damaged_net_says_to_install_again(tmp_path: Path) -> None:
    (tmp_path / GRAPH).write_bytes(b"no graph")
    with pytest.raises(ModelDamaged, match="pip install --force-reinstall"):
        ParaphraseEncoder(tmp_path, packaged=tmp_path)


def test_it_was_taught_sentences_as_the_product_asks_them() -> None:
    for line in ("¿Sí? ¡Claro, don Mario!", "I’ll call you - tomorrow, OK.", "  ", "él 2 veces"):
        assert plain(line) == meaning.plain(line)


def test_what_is_judged_by_was_not_taught() -> None:
    held_out = json.loads((PARAPHRASE / HELD_OUT).read_text(encoding="utf-8"))
    known = {act.id for act in packaged_acts()}
    assert len(held_out) == 198
    assert set(held_out) <= known
    acts, _ = bank(BANK)
    assert list(acts) == [act.id for act in packaged_acts()]


def test_what_is_misheard_is_still_words() -> None:
    line = "Por seguridad necesito validar su identidad."
    heard = [roughened(line, random.Random(seed)) for seed in range(50)]
    assert heard == [roughened(line, random.Random(seed)) for seed in range(50)]
    assert len(set(heard)) > 20
    assert all(text == plain(text) for text in heard)
