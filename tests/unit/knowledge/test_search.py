"""Words, meaning, and the floor."""

import numpy as np
import pytest

from assist.knowledge.passage import Passage
from assist.knowledge.search import Knowledge, everyday_lines
from assist.knowledge.words import Words

from .conftest import WordEncoder

TEXTS = {
    "es": ["El recargo por impago es de cuatro euros", "La tarjeta robada se bloquea en el acto"],
    "en": ["A stolen card is blocked at once", "The late payment fee is four euros"],
}


def knowledge(encoder: WordEncoder, texts: dict[str, list[str]] = TEXTS) -> Knowledge:
    passages = [
        Passage(text, "", f"{language}.md", "", number, "es" if language == "es" else "en")
        for language, found in texts.items()
        for number, text in enumerate(found, 1)
    ]
    everyday = {language: encoder.encode_queries(lines) for language, lines in everyday_lines().items()}
    return Knowledge(passages, encoder.encode_passages([p.searched for p in passages]), encoder, everyday)


def test_a_rare_word_finds_its_text_and_accents_do_not_matter() -> None:
    words = Words(["el cobro de la factura", "el cobro de la línea", "el cobro del router"])
    scores = words.scores("EL COBRO DE LA LINEA")
    assert int(np.argmax(scores)) == 1
    assert words.scores("zzz").tolist() == [0, 0, 0]
    assert Words([]).scores("nada").shape == (0,)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("the customer's bill", "customer"),
        ("the customer’s bill", "customer"),
        ("a customer bill", "the customer's"),
        ("McDonald's", "mcdonalds"),
        ("la política de Kellogg's", "kellogg"),
        ("la factura de O'Higgins", "ohiggins"),
    ],
)
def test_a_possessive_hides_no_word(text: str, query: str) -> None:
    scores = Words([text, "el cobro"]).scores(query)
    assert scores[0] > 0
    assert scores[1] == 0


def test_bm25_is_what_its_formula_says() -> None:
    words = Words(["a b", "a c c c"])
    weight = np.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    length = 1.2 * (1 - 0.75 + 0.75 * 4 / 3)
    assert np.isclose(words.scores("c")[1], weight * 3 * 2.2 / (3 + length))


def test_the_answer_comes_with_its_place_and_small_talk_finds_nothing(encoder: WordEncoder) -> None:
    found = knowledge(encoder).search("recargo por impago")
    assert [(one.passage.file, one.passage.line) for one in found] == [("es.md", 1)]
    assert found[0].sure
    assert knowledge(encoder).search("buenas tardes señora") == []
    assert knowledge(encoder).search("buenas tardes señora", unsure=True) != []


def test_words_count_within_a_language_only(encoder: WordEncoder) -> None:
    """The same words in the other language's articles give no points: order there is by meaning alone."""
    made = knowledge(encoder, {"es": ["recargo"], "en": ["alpha beta", "gamma delta"]})
    blind = np.zeros(encoder.size, np.float32)
    made._hubs["es", "en"][:] = 0
    assert made.order("gamma delta", blind, "en", "en").tolist() == [2, 1]
    assert made.order("gamma delta", blind, "es", "en").tolist() == [1, 2]


def test_a_language_without_articles_is_answered_from_the_other(encoder: WordEncoder) -> None:
    made = knowledge(encoder, {"es": [], "en": TEXTS["en"]})
    found = made.search("stolen card blocked", "es")
    assert found[0].passage.text == TEXTS["en"][0]


def test_nothing_is_made_of_nothing(encoder: WordEncoder) -> None:
    made = knowledge(encoder)
    for query in ("", "   ", "¿?", "😀"):
        assert made.search(query, unsure=True) == []
    assert knowledge(encoder, {"es": [], "en": []}).search("recargo") == []
    assert len(made.search("recargo por impago " * 100_000)) <= 3
