"""A company's own words: near misses are put right, everyday words never."""

from pathlib import Path

import pytest

from assist.demo.conversation import load
from assist.errors import ConfigError
from assist.events import Language
from assist.text.polish import polisher
from assist.text.vocabulary import load_vocabulary, parse_vocabulary

FILE = """\
# Products
Hogar Plus
Fibra Máx = fibra más
NetVisión
Conecta Más
Sucursal Usaquén
Zafiro
[en]
CloudBox = cloud box, clowd box
Premier Checking
Larkfield Rewards
"""
NAMES = parse_vocabulary(FILE, "names.txt")


def said(language: Language, text: str) -> str:
    return polisher(language, NAMES[language]).polish(text).text


@pytest.mark.parametrize(
    ("language", "raw", "text"),
    [
        ("es", "Tengo el hogar plus.", "Tengo el Hogar Plus."),
        ("es", "Tengo el hogar plush.", "Tengo el Hogar Plus."),
        ("es", "Tengo el Ogar Plus.", "Tengo el Hogar Plus."),
        ("es", "Es la fibra más, la de siempre.", "Es la Fibra Máx, la de siempre."),
        ("es", "Con netbisión no carga.", "Con NetVisión no carga."),
        ("es", "Con net visión no carga.", "Con NetVisión no carga."),
        ("es", "En la sucursal usaken.", "En la Sucursal Usaquén."),
        ("es", "Es el zafiro.", "Es el Zafiro."),
        ("en", "My clowd box is full.", "My CloudBox is full."),
        ("en", "My cloudbocks is full.", "My CloudBox is full."),
        ("en", "I want premiere checking.", "I want Premier Checking."),
    ],
)
def test_near_misses_are_put_right(language: Language, raw: str, text: str) -> None:
    assert said(language, raw) == text


@pytest.mark.parametrize(
    ("language", "raw"),
    [
        ("es", "En mi hogar somos dos."),
        ("es", "Es un plus para el hogar."),
        ("es", "Quiero conectar más equipos."),
        ("es", "La sucursal de ayer."),
        ("es", "Veo televisión."),
        ("en", "I have a premium account."),
        ("en", "The cloud is there."),
        ("en", "There is a box."),
        ("en", "I was checking my rewards."),
    ],
)
def test_everyday_words_stay(language: Language, raw: str) -> None:
    assert said(language, raw) == raw


def test_a_term_said_word_for_word_is_the_term() -> None:
    assert said("es", "No se conecta más.") == "No se Conecta Más."


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_demo_conversations_have_no_false_correction(language: Language) -> None:
    other = parse_vocabulary(
        "Hogar Seguro\nFactura Fácil\nPlan Raíz\nTurbonet\nSafeGuard Plus\nFamily Saver\nEasyPay\nMovilex\nBancanet\n",
        "x",
    )
    writer = polisher(language, other[language])
    for turn in load(language).turns:
        for raw in (turn.text, turn.text.lower().replace(",", "").replace(".", "")):
            assert [c for c in writer.polish(raw).changes if c.kind == "name"] == []


def test_sections_divide_the_languages() -> None:
    assert [term.text for term in NAMES["en"].terms][:1] == ["Hogar Plus"]
    assert "CloudBox" not in [term.text for term in NAMES["es"].terms]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Hogar Plus\n= hogar", "line 2: nothing is no term; write: term = said"),
        ("Hogar Plus =", "line 1: nothing is no term"),
        ("Hogar Plus = ogar plus,, x", "line 1: nothing is no term"),
        ("!!!", "line 1: '!!!' is no term"),
        ("742", "line 1: '742' is no term"),
        ("[fr]\nPlan", r"line 1: '\[fr\]' is no section; write \[es\] or \[en\]"),
        ("[es\nPlan Oro", r"line 1: '\[es' is no section"),
        ("Hogar Plus\n\nhogar plus", "line 3: 'hogar plus' is written at f, line 1 already"),
        ("Uno Dos = xx yy\nTres Seis = xx yy", "line 2: 'xx yy' is written at f, line 1 already"),
        ("Claro", r"line 1: 'claro' is an everyday word \(es\)"),
        ("Zafiro = gracias", "line 1: 'gracias' is an everyday word"),
        ("a b c d e f gg", "line 1: 'a b c d e f gg' has 7 words; a term has at most 6"),
        ("Ho\x07gar Plus", "control character"),
    ],
)
def test_a_bad_line_is_named_with_its_remedy(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_vocabulary(text, "f")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.txt can't be read.*\[asr\] vocabulary"):
        load_vocabulary([tmp_path / "none.txt"])
    latin = tmp_path / "latin.txt"
    latin.write_bytes("Fibra Máx".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"not UTF-8 \(byte 7\); save it as UTF-8"):
        load_vocabulary([latin])


def test_several_files_are_one_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\ufeffHogar Plus\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("[es]\nFibra Máx\n", encoding="utf-8")
    names = load_vocabulary([tmp_path / "a.txt", tmp_path / "b.txt"])
    assert [term.text for term in names["es"].terms] == ["Hogar Plus", "Fibra Máx"]
    assert [term.text for term in names["en"].terms] == ["Hogar Plus"]
    (tmp_path / "c.txt").write_text("hogar plus\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"c\.txt, line 1: 'hogar plus' is written at .*a\.txt, line 1"):
        load_vocabulary([tmp_path / "a.txt", tmp_path / "c.txt"])
