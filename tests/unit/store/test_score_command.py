"""``apuntador score``: what quality people read and what is refused; noting it is in tests/functional/store."""

import dataclasses
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from assist.cli.score import app
from assist.config import Settings
from assist.errors import AssistError, AuthError, StoreError
from assist.events import AgentDid, CallScored, Event, Language, LeadDid
from assist.hub.auth import Role, TokenStore
from assist.store.engine import open_store
from assist.store.writer import write
from tests.unit.decide.calls import T0, begin
from tests.unit.store.test_store import stored_events

CASE = "AP-20261121-000001"


def disputed(target: str, seq: int, text: str = "dije [b]mi[/b] \x1b[31mnombre") -> AgentDid:
    return AgentDid(
        call_id="demo", at=T0 + 300, seq=seq, agent_id="ana", action="score_disputed", target=target, text=text
    )


def fill(settings: Settings, language: Language, *more: Event) -> CallScored:
    """The demo call with all points lost on one critical item, and a call without a score."""
    events = stored_events(language)
    scored = next(event for event in reversed(events) if isinstance(event, CallScored))
    items = tuple(
        dataclasses.replace(item, points=0.0) if item.item_id == "no_rudeness" else item for item in scored.items
    )
    low = dataclasses.replace(scored, seq=7000, revision=9, items=items, score=25.0, failed=("no_rudeness",), cap=25)
    engine = open_store(settings.store_url)
    for event in (*events, low, *more, *begin("unscored", language)):
        with engine.begin() as connection:
            write(connection, event, ZoneInfo(settings.timezone))
    engine.dispose()
    return low


def run(settings: Settings, *args: str) -> Result:
    return CliRunner().invoke(app, list(args), obj=settings, env={"COLUMNS": "160"})


def token(settings: Settings, role: Role, subject: str) -> str:
    secret, _ = TokenStore.in_dir(settings.data_dir).create(role, subject)
    path = settings.data_dir / f"{subject}.token"
    path.write_text(secret)
    return str(path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, language="es")


def test_list_tells_score_critical_items_and_what_waits(settings: Settings) -> None:
    fill(settings, "es", disputed("no_rudeness", 7001))
    out = run(settings, "list").stdout
    for part in (CASE, "ana", "25.0", "no_rudeness", "1 sin responder"):
        assert part in out, part
    assert "unscored" not in out
    assert CASE in run(settings, "list", "--disputed", "--critical", "--below", "30", "--agent", "ana").stdout
    assert "No hay llamadas con puntaje" in run(settings, "list", "--agent", "luis").stdout
    rows = json.loads(run(settings, "list", "--json").stdout)
    assert [(row["score"], row["disputes"][0]["reason"][:4]) for row in rows] == [(25.0, "dije")]
    assert run(settings, "list", "--since", "ayer").exit_code == 2


@pytest.mark.parametrize("language", ["es", "en"])
def test_show_has_total_pillars_points_lines_and_disputes(tmp_path: Path, language: Language) -> None:
    settings = Settings(data_dir=tmp_path, language=language)
    answer = LeadDid(
        call_id="demo", at=T0 + 400, seq=7002, lead_id="luz", action="dispute_rejected", target="no_rudeness", text="no"
    )
    scored = fill(settings, language, disputed("no_rudeness", 7001), answer)
    out = run(settings, "show", "demo").stdout
    words = {
        "es": ("Calidad 25.0 de 100", "Crítico sin cumplir", "el puntaje queda en 25", "luz rechazó la disputa: no"),
        "en": ("Quality 25.0 of 100", "Critical, not met", "the score is held at 25", "luz rejected the dispute: no"),
    }[language]
    for part in (*words, *(item.label for item in scored.items), "↳", "dije [b]mi[/b]"):
        assert part in out, part
    assert "\x1b[31m" not in out
    told = json.loads(run(settings, "show", CASE, "--json").stdout)
    assert len(told["pillars"]) == 6
    assert [item["item_id"] for item in told["items"]] == [item.item_id for item in scored.items]
    assert told["disputes"][0]["state"] == "rejected"


def test_a_case_without_a_score_and_an_unknown_case_are_named(settings: Settings) -> None:
    fill(settings, "es")
    unscored = run(settings, "show", "unscored")
    assert isinstance(unscored.exception, StoreError)
    assert "no tiene puntaje" in str(unscored.exception)
    assert "nearest" in str(run(settings, "show", "AP-20261121-000009").exception)


def refusal(result: Result) -> str:
    assert isinstance(result.exception, AssistError), result.output
    return str(result.exception)


def test_only_the_calls_own_agent_may_dispute(settings: Settings) -> None:
    fill(settings, "es")
    about = ("dispute", CASE, "no_rudeness", "--reason", "no fui yo")
    assert "apuntador token create --role agent" in refusal(run(settings, *about))
    assert "is not yours" in refusal(run(settings, *about, "--token-file", token(settings, "agent", "luis")))
    assert "--role agent" in refusal(run(settings, *about, "--token-file", token(settings, "lead", "luz")))
    bad = settings.data_dir / "bad.token"
    bad.write_text("apt_wrong")
    assert isinstance(run(settings, *about, "--token-file", str(bad)).exception, AuthError)
    assert "No se puede leer" in refusal(run(settings, *about, "--token-file", str(settings.data_dir / "none")))


def test_an_agent_may_not_answer_and_only_what_is_disputed_is_answered(settings: Settings) -> None:
    upheld = LeadDid(
        call_id="demo", at=T0 + 400, seq=7003, lead_id="luz", action="dispute_upheld", target="no_rudeness", text="sí"
    )
    fill(settings, "es", disputed("no_rudeness", 7001), upheld)
    lead = ("--uphold", "--reason", "cierto", "--token-file", token(settings, "lead", "luz"))
    agent = ("--uphold", "--reason", "cierto", "--token-file", token(settings, "agent", "ana"))
    assert "--role lead" in refusal(run(settings, "resolve", CASE, "no_rudeness", *agent))
    assert "no está en disputa" in refusal(run(settings, "resolve", CASE, "greets", *lead))
    assert "ya fue aceptada" in refusal(run(settings, "resolve", CASE, "no_rudeness", *lead))
    assert "tiene: greets" in refusal(run(settings, "resolve", CASE, "saludo", *lead))
    assert run(settings, "resolve", CASE, "greets", "--reason", "x").exit_code == 2


def test_what_lost_nothing_or_is_disputed_already_is_refused_and_a_reason_is_needed(settings: Settings) -> None:
    fill(settings, "es", disputed("no_rudeness", 7001))
    mine = ("--token-file", token(settings, "agent", "ana"))
    assert "no perdió nada" in refusal(run(settings, "dispute", CASE, "greets", "--reason", "x", *mine))
    assert "ya está en disputa" in refusal(run(settings, "dispute", CASE, "no_rudeness", "--reason", "x", *mine))
    assert run(settings, "dispute", CASE, "no_rudeness", "--reason", "  ", *mine).exit_code == 2


def test_without_a_running_stack_it_says_so(settings: Settings) -> None:
    fill(settings, "es")
    mine = ("--reason", "no fui yo", "--token-file", token(settings, "agent", "ana"))
    assert "apuntador up" in refusal(run(settings, "dispute", CASE, "no_rudeness", *mine))


@pytest.mark.parametrize("command", ["list", "show", "dispute", "resolve"])
def test_help_has_examples(command: str) -> None:
    assert "Example" in CliRunner().invoke(app, [command, "--help"]).output
