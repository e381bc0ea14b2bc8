"""Taxonomies: what is read, what is refused and where, and that the packaged ones fit each other."""

from pathlib import Path

import pytest

from assist.config import Settings, Tags
from assist.decide.taxonomy import completed, parse
from assist.errors import ConfigError
from assist.session.taxonomies import LANGUAGES, load_taxonomies, packaged_taxonomy, trades

SMALL = """\
name: shop
language: en
reasons:
  - id: returns
    label: Returns
    examples: [I want to return this]
"""


def test_the_packaged_trades_are_the_same_in_both_languages() -> None:
    assert set(trades()) == {"banking", "common", "retail", "telecom", "utilities"}
    for name in trades():
        spanish, english = (packaged_taxonomy(name, language) for language in LANGUAGES)
        for section in ("reasons", "products", "complaints", "churn"):
            ids = [[topic.id for topic in getattr(one, section)] for one in (spanish, english)]
            assert ids[0] == ids[1], (name, section)


@pytest.mark.parametrize("name", ["telecom", "banking", "retail", "utilities"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_packaged_trade_has_what_its_reasons_need(name: str, language: str) -> None:
    taxonomy = packaged_taxonomy(name, language)  # type: ignore[arg-type]
    assert 15 <= len(taxonomy.reasons) <= 25
    for reason in taxonomy.reasons:
        assert reason.description
        assert reason.phrases
        assert 4 <= len(reason.examples) <= 10, reason.id
    examples = [line for reason in taxonomy.reasons for line in reason.examples]
    assert len(set(examples)) == len(examples)
    assert taxonomy.background


def test_what_a_taxonomy_leaves_out_comes_from_the_common_one() -> None:
    own = parse(SMALL, "shop.yaml")
    common = packaged_taxonomy("common", "en")
    full = completed(own, common)
    assert full.churn == common.churn
    assert full.reasons == own.reasons
    bare = completed(parse(SMALL + "churn: []\n", "shop.yaml"), common)
    assert bare.churn == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SMALL.replace("label:", "lable:"), "x.yaml:5: reasons.0.lable: unknown key"),
        (SMALL.replace("id: returns", "id: Re turns"), "x.yaml:4: reasons.0.id: must be small letters"),
        (
            SMALL + "  - {id: returns, label: Again, examples: [send it back]}\n",
            "x.yaml:7: reasons has id 'returns' already",
        ),
        (SMALL + "  - {id: empty, label: Empty}\n", "neither phrases nor examples"),
        (SMALL + "products: [{id: p, label: P, phrases: ['...']}]\n", "stands between words"),
        ("", "x.yaml:1: a taxonomy is a mapping"),
        ("name: [", "x.yaml:1: not YAML"),
        ("a\0b", "is no taxonomy"),
        ("x" * 2_000_001, "is no taxonomy"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "x.yaml")
    assert told in str(caught.value)


def test_settings_choose_the_taxonomy() -> None:
    chosen = load_taxonomies(Settings(tags=Tags(taxonomy="telecom")))
    assert [one.language for one in chosen["es"]] == ["es", "en"]
    assert [one.language for one in chosen["en"]] == ["en", "es"]
    assert chosen["en"][0].name == "telecom"
    assert load_taxonomies(Settings(tags=Tags(taxonomy="common")))["en"][0].reasons == ()
    assert load_taxonomies(Settings()) == {"es": (), "en": ()}
    with pytest.raises(ConfigError, match="packaged are banking, common, retail"):
        load_taxonomies(Settings(tags=Tags(taxonomy="airline")))


def test_a_company_brings_its_own(tmp_path: Path) -> None:
    mine = tmp_path / "shop.yaml"
    mine.write_text(SMALL, encoding="utf-8")
    chosen = load_taxonomies(Settings(tags=Tags(taxonomy="retail", files=(mine,))))
    assert [reason.id for reason in chosen["en"][0].reasons] == ["returns"]
    assert chosen["en"][0].churn
    assert chosen["es"][0].name == "retail"
    with pytest.raises(ConfigError, match="keep one of the two"):
        load_taxonomies(Settings(tags=Tags(files=(mine, mine))))
    with pytest.raises(ConfigError, match="can't be read"):
        load_taxonomies(Settings(tags=Tags(files=(tmp_path / "none.yaml",))))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_taxonomies(Settings(tags=Tags(files=(tmp_path / "binary.yaml",))))
