"""``apuntador scorecard check``: faults with line and remedy, rules of the playbook in force, both languages."""

from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assist.cli.scorecard import app
from assist.config import Scorecard as ScorecardSettings
from assist.config import Settings
from assist.errors import ConfigError
from assist.events import Language
from assist.session.playbooks import load_playbooks
from assist.session.scorecards import load_scorecards


def packaged(language: Language) -> str:
    return resources.files("assist.decide").joinpath("data", f"scorecard.{language}.toml").read_text(encoding="utf-8")


def run(path: Path, language: Language = "es") -> Result:
    return CliRunner().invoke(app, ["check", str(path)], obj=Settings(language=language))


@pytest.mark.parametrize(("language", "says"), [("es", "correcto (11 puntos en 6 grupos)"), ("en", "11 items in 6")])
def test_a_copy_of_the_packaged_card_is_correct(tmp_path: Path, language: Language, says: str) -> None:
    path = tmp_path / "card.toml"
    path.write_text(packaged(language), encoding="utf-8")
    done = run(path, language)
    assert done.exit_code == 0, done.output
    assert says in done.output


def test_every_fault_is_told_in_one_go_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    text = packaged("es").replace('measure = "rules"', 'measure = "rules"\nrules = ["greting"]')
    text = text.replace('group = "empathy"', 'group = "empaty"', 1)
    path.write_text(text, encoding="utf-8")
    done = run(path)
    assert isinstance(done.exception, ConfigError)
    faults = str(done.exception).splitlines()
    lines = text.splitlines()
    assert [int(fault.split(":")[1]) for fault in faults if "empaty" in fault] == [lines.index('group = "empaty"') + 1]
    assert "did you mean 'empathy'?" in str(done.exception)
    # Rules are looked up once the card itself holds.
    path.write_text(text.replace('"empaty"', '"empathy"'), encoding="utf-8")
    fault = str(run(path).exception)
    assert "the playbook has no rule 'greting'; did you mean 'greeting'?" in fault
    place = lines.index('rules = ["greting"]') + 1
    assert f":{place}: " in fault


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "required key is missing"), (b"\xff\xfe", "not UTF-8"), (b"name = [", "not TOML"), (None, "can't be read")],
)
def test_what_is_no_card_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "card.toml"
    if content is not None:
        path.write_bytes(content)
    done = run(path)
    assert isinstance(done.exception, ConfigError)
    assert says in str(done.exception)
    assert "card.toml" in str(done.exception)


def test_help_has_an_example() -> None:
    assert "Example" in CliRunner().invoke(app, ["check", "--help"]).output


def test_the_settings_card_judges_its_language_and_two_for_one_are_refused(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(packaged("es").replace('name = "', 'name = "Mi '), encoding="utf-8")
    two.write_text(packaged("es"), encoding="utf-8")
    settings = Settings(scorecard=ScorecardSettings(files=(one,)))
    cards = load_scorecards(settings, load_playbooks(settings))
    assert cards["es"].name.startswith("Mi ")
    assert cards["en"].language == "en"
    both = Settings(scorecard=ScorecardSettings(files=(one, two)))
    with pytest.raises(ConfigError, match="another card serves language 'es' already"):
        load_scorecards(both, load_playbooks(both))
