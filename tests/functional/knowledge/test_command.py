"""`apuntador knowledge` with the real encoder and the packaged articles."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import assist.knowledge
from assist.cli import knowledge
from assist.config import load
from models.errors import ModelMissing
from models.store import Store

pytestmark = pytest.mark.models

EXAMPLES = Path(next(iter(assist.knowledge.__path__))) / "examples"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    try:
        Store().require("e5-small-es-en")
    except ModelMissing as missing:
        pytest.skip(str(missing))
    config = tmp_path / "apuntador.toml"
    config.write_text(
        f'language = "en"\ndata_dir = "{tmp_path}/data"\nmodels_dir = "{Store().root}"\n'
        f'[knowledge]\nfolder = "{EXAMPLES}"\n'
    )
    # Not the whole command: that would set up logging for all tests after this one.
    return lambda *args: CliRunner().invoke(knowledge.app, list(args), obj=load(config))


def test_articles_are_read_searched_and_quoted(run) -> None:  # type: ignore[no-untyped-def]
    first = run("index")
    assert first.exit_code == 0
    assert "8 articles, 8 of them read anew: 36 passages" in first.output
    assert "8 articles, 0 of them read anew" in run("index").output

    shown = run("search", "me han cobrado dos veces lo mismo")
    assert shown.exit_code == 0
    assert "Facturas y pagos › Cobro duplicado  (facturacion.es.md:7" in shown.output
    assert "  | Si un cliente ve el mismo importe dos veces" in shown.output

    found = json.loads(run("search", "someone stole my wallet with the card in it", "--json").stdout)
    assert (found[0]["file"], found[0]["line"], found[0]["language"]) == ("cards.en.csv", 2, "en")
    assert found[0]["text"] in (EXAMPLES / "cards.en.csv").read_text(encoding="utf-8")


def test_small_talk_is_answered_by_nothing(run) -> None:  # type: ignore[no-untyped-def]
    quiet = run("search", "muchas gracias, muy amable")
    assert quiet.exit_code == 1
    assert "--unsure" in quiet.output
    assert run("search", "muchas gracias, muy amable", "--unsure").exit_code == 0


def test_spanish_questions_find_english_articles(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "en").mkdir()
    for name in ("billing.en.md", "cards.en.csv"):
        (tmp_path / "en" / name).write_bytes((EXAMPLES / name).read_bytes())
    found = run("search", "¿puedo pagar la factura a plazos?", "--folder", str(tmp_path / "en"), "--json")
    assert json.loads(found.stdout)[0]["heading"] == "Paying in instalments"
