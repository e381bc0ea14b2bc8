"""``apuntador case``: what it prints, in both languages, and how it fails."""

import dataclasses
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from assist.cli.case import app
from assist.config import Settings
from assist.errors import StoreError
from assist.events import AgentDid, EarsChanged, Language, SurveyAnswered, SurveyEnded
from assist.store.engine import open_store
from assist.store.writer import write
from tests.unit.decide.calls import T0, heard
from tests.unit.store.test_store import stored_events


def settings_in(folder: Path, language: Language) -> Settings:
    return Settings(data_dir=folder, language=language)


def fill(settings: Settings, language: Language) -> None:
    engine = open_store(settings.store_url)
    note = AgentDid(call_id="demo", at=T0 + 50, agent_id="ana", action="note", text="[bold]llamar antes[/]", seq=8000)
    injected = heard("customer", "mire \x1b[31m[red]rojo[/red] <b>", 200, 201, uid="x", call_id="demo")
    for event in (*stored_events(language), note, injected):
        with engine.begin() as connection:
            write(connection, event, ZoneInfo(settings.timezone))
    engine.dispose()


def run(settings: Settings, *args: str) -> Result:
    return CliRunner().invoke(app, list(args), obj=settings, env={"COLUMNS": "160"})


@pytest.fixture
def filled(tmp_path: Path) -> Settings:
    settings = settings_in(tmp_path, "es")
    fill(settings, "es")
    return settings


def test_list_shows_a_line_a_case(filled: Settings) -> None:
    out = run(filled, "list").stdout
    assert "AP-20261121-000001" in out
    assert "Tipificación" in out
    assert "Cobro doble" in out


def test_list_as_json(filled: Settings) -> None:
    rows = json.loads(run(filled, "list", "--json").stdout)
    assert [row["case_id"] for row in rows] == ["AP-20261121-000001"]


@pytest.mark.parametrize("since", ["2026-11-21", "2026-11-21T10:00", "36500d"])
def test_since_in_every_form(filled: Settings, since: str) -> None:
    assert "AP-20261121-000001" in run(filled, "list", "--since", since).stdout


def test_since_later_lists_nothing_and_nonsense_is_refused(filled: Settings) -> None:
    assert "Todavía no hay casos desde 2100" in run(filled, "list", "--since", "2100-01-01").stdout
    refused = run(filled, "list", "--since", "ayer")
    assert refused.exit_code == 2
    assert "7d" in refused.output


def test_show_has_summary_with_evidence_checklist_cards_and_transcript(filled: Settings) -> None:
    out = run(filled, "show", "AP-20261121-000001").stdout
    for part in ("Resumen", "↳", "Radicado 742815", "Cumplimiento", "✓", "Tarjetas", "Transcripción", "[bold]llamar"):
        assert part in out, part
    assert "\x1b[31m" not in out


def test_show_speaks_the_settings_language(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, "en")
    fill(settings, "en")
    out = run(settings, "show", "20261121-000001").stdout
    for part in ("Summary", "Claim number 518360", "Compliance", "Transcript", "Customer:"):
        assert part in out, part


def test_export_json_and_markdown(filled: Settings, tmp_path: Path) -> None:
    case = json.loads(run(filled, "export", "AP-20261121-000001").stdout)
    assert case["summary"][0]["evidence"]
    target = tmp_path / "case.md"
    done = run(filled, "export", "AP-20261121-000001", "--format", "md", "-o", str(target))
    assert done.exit_code == 0
    text = target.read_text(encoding="utf-8")
    assert text.startswith("# Caso AP-20261121-000001")
    assert "\\[red\\]rojo" in text
    assert target.stat().st_mode & 0o077 == 0
    again = run(filled, "export", "AP-20261121-000001", "-o", str(target))
    assert again.exit_code == 2
    assert "--force" in again.output
    assert run(filled, "export", "AP-20261121-000001", "-o", str(target), "--force").exit_code == 0


def test_an_unknown_format_is_refused(filled: Settings) -> None:
    assert run(filled, "export", "AP-20261121-000001", "--format", "pdf").exit_code == 2


def test_an_unknown_id_and_an_empty_history_come_out_as_store_errors(filled: Settings, tmp_path: Path) -> None:
    failed = run(filled, "show", "AP-20261121-000009")
    assert isinstance(failed.exception, StoreError)
    assert "nearest: AP-20261121-000001" in str(failed.exception)
    empty = run(settings_in(tmp_path / "none", "es"), "list")
    assert isinstance(empty.exception, StoreError)
    assert "apuntador up" in str(empty.exception)


@pytest.mark.parametrize("command", ["list", "show", "export"])
def test_help_has_examples(command: str) -> None:
    assert "Example" in CliRunner().invoke(app, [command, "--help"]).output


def test_an_open_call_is_shown_before_its_summary(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, "es")
    engine = open_store(settings.store_url)
    for event in stored_events("es")[:12]:
        with engine.begin() as connection:
            write(connection, dataclasses.replace(event), ZoneInfo(settings.timezone))
    engine.dispose()
    assert "Aún no hay resumen" in run(settings, "show", "demo").stdout
    assert run(settings, "export", "demo", "--format", "md").exit_code == 0


def test_show_tells_of_leads_and_of_the_survey(filled: Settings) -> None:
    engine = open_store(filled.store_url)
    for event in (
        EarsChanged(call_id="demo", at=T0 + 20, lead_id="luz", state="whispering", seq=9001),
        SurveyAnswered(call_id="demo", at=T0 + 200, question_id="sat", kind="csat", low=1, high=5, score=4, seq=9002),
        SurveyEnded(call_id="demo", at=T0 + 201, outcome="completed", asked=1, answered=1, seq=9003),
    ):
        with engine.begin() as connection:
            write(connection, event, ZoneInfo(filled.timezone))
    engine.dispose()
    out = run(filled, "show", "20261121-000001").stdout
    for part in ("luz le susurra al asesor", "Satisfacción (sat): 4 / 5", "completa: 1 de 1 preguntas"):
        assert part in out
