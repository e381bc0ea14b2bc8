"""A playbook tried out: written calls, exported cases, its own tests, and the command around them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assist.cli import playbook as command
from assist.config import Settings
from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.playbook import json_schema, parse
from assist.errors import ConfigError
from assist.events import AgentDid, CallHeld, CardOffered, CardWithdrawn, Heard
from assist.session.rehearse import read_call, rehearse, run_checks

EXAMPLES = Path(__file__).parents[3] / "assist" / "playbooks" / "examples"
BOOK = """\
name: t
language: es
cards:
  - {id: refund, title: Devolución, say: "Abro el reclamo.", when: {customer: [cobraron dos veces]}}
rules:
  - {id: notice, label: Aviso, phrases: [queda grabada], within_s: 20}
tests:
  - {customer: me cobraron dos veces, fires: [refund], never: [notice]}
  - {agent: esto queda grabada, fires: [rule.notice, refund]}
"""


def kit(text: str = BOOK) -> Kit:
    return Kit(parse(text, "t.yaml"), LexiconBaseline())


def test_a_written_call_has_its_lines_at_their_times() -> None:
    events = read_call(
        "lines:\n  - {who: agent, when: 3, text: buenas}\n  - {customer: me cobraron dos veces}\n"
        "  - {press: dismissed}\n  - {hold: 10}\n  - {wait: 5}\n  - {agent: listo}\n",
        "c.yaml",
        "es",
    )
    said = [(event.party, round(event.t0 - events[1].at, 1)) for event in events if isinstance(event, Heard)]
    assert said[0] == ("agent", 3.0)
    assert said[1][0] == "customer"
    assert said[2][1] > said[1][1] + 15
    assert any(isinstance(event, CallHeld) for event in events)


def test_the_key_answers_the_card_that_is_up() -> None:
    text = "lines:\n  - {customer: me cobraron dos veces}\n  - {press: dismissed}\n"
    told = [moment.event for moment in rehearse(read_call(text, "c", "es"), kit())]
    offer = next(event for event in told if isinstance(event, CardOffered))
    key = next(event for event in told if isinstance(event, AgentDid))
    assert key.target == offer.offer_id
    assert [event.reason for event in told if isinstance(event, CardWithdrawn)] == ["dismissed"]


def test_the_playbooks_tests_tell_what_is_missing() -> None:
    good, bad = run_checks(kit())
    assert good.passed
    assert not bad.passed
    assert bad.missing == ("refund",)
    assert "rule.notice" in bad.fired


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lines: []",
        "lines:\n  - {who: boss, text: a}",
        "- a",
        "{ nonsense",
        "lines: [",
        "lines:\n  - {when: -3, agent: a}",
    ],
)
def test_what_is_no_call_is_refused_with_its_file(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^call\.yaml"):
        read_call(text, "call.yaml", "es")


def test_an_exported_case_is_a_call() -> None:
    case = {
        "case": {"answered_at": 100.0, "started_at": 95.0, "ended_at": 130.0, "language": "es"},
        "lines": [{"party": "customer", "text": "me cobraron dos veces", "t0": 104.0, "t1": 106.0}],
    }
    told = rehearse(read_call(json.dumps(case), "case.json", "en"), kit())
    offer = next(moment for moment in told if isinstance(moment.event, CardOffered))
    assert offer.at == pytest.approx(6.0)
    with pytest.raises(ConfigError, match="no exported case"):
        read_call(json.dumps({"case": {}, "lines": [{}]}), "case.json", "es")


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_the_examples_pass_their_own_tests_by_words_alone(path: Path) -> None:
    book = parse(path.read_text(encoding="utf-8"), path.name)
    assert 12 <= len(book.cards) <= 20
    assert 8 <= len(book.rules) <= 13
    results = run_checks(Kit(book, LexiconBaseline()))
    assert len(results) >= 10
    assert [result.check.said() for result in results if not result.passed] == []


def test_the_examples_of_both_languages_are_alike() -> None:
    for name in ("telecom_complaints", "card_fraud"):
        es, en = (parse((EXAMPLES / f"{name}.{language}.yaml").read_text(), name) for language in ("es", "en"))
        assert [card.id for card in es.cards] == [card.id for card in en.cards]
        assert [(rule.id, rule.kind, rule.before) for rule in es.rules] == [(r.id, r.kind, r.before) for r in en.rules]
        assert [moment.id for moment in es.moments] == [moment.id for moment in en.moments]


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(command.app, list(args), obj=Settings(language="en"))
    return result.exit_code, result.output


def test_the_command_checks_tests_and_simulates(tmp_path: Path) -> None:
    book, call = tmp_path / "b.yaml", tmp_path / "c.yaml"
    book.write_text(BOOK)
    call.write_text("lines:\n  - {customer: me cobraron dos veces}\n  - {wait: 30}\n")
    code, out = run("check", str(book))
    assert code == 0
    assert "1 cards, 1 rules, 2 tests" in out
    code, out = run("test", str(book))
    assert code == 1
    assert "did not come: refund" in out
    assert "1 of 2 tests passed" in out
    code, out = run("simulate", str(book), str(call))
    assert code == 0
    assert "→ Card “Devolución” (refund): Abro el reclamo." in out
    assert "Aviso: missed (notice)" in out
    code, out = run("simulate", str(book), str(call), "--json")
    assert {json.loads(line)["type"] for line in out.splitlines()} >= {"CardOffered", "ComplianceChanged", "Heard"}


def test_the_command_names_every_fault(tmp_path: Path) -> None:
    book = tmp_path / "b.yaml"
    book.write_text(BOOK.replace("within_s: 20", "within: 20"))
    code, out = run("check", str(book), str(tmp_path / "missing.yaml"))
    assert code == 1
    assert f"{book}:6: rules.0.within: unknown key; did you mean 'within_s'?" in out
    assert "missing.yaml can't be read" in out


def test_the_schema_is_published() -> None:
    published = json.loads((Path(__file__).parents[3] / "docs" / "playbook.schema.json").read_text())
    assert published == json_schema(), "run: make docs"
