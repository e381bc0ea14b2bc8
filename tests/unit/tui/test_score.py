"""The score on the agent's screen: what is shown, what can be disputed and what is sent; pictures at both sizes."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from assist.events import AgentDid, CallStarted, Event, Heard, Language, LeadDid
from assist.strings import say
from tests.fakes import scripted_call
from tests.fakes.scripted_call import AGENT, CALL, START, scored
from tests.fakes.scripted_feed import ScriptedFeed, connected
from tests.unit.tui.test_agent_app import rows, settle
from tui.agent import AgentApp
from tui.score import ScoreScreen
from tui.widgets.panels import Idle

SIZES = [(80, 24), (120, 40)]
DISPUTED = AgentDid(
    call_id=CALL, at=START + 90, seq=90, agent_id=AGENT, action="score_disputed", target="no_rudeness", text="fue él"
)


def answer(action: Any) -> LeadDid:
    return LeadDid(
        call_id=CALL, at=START + 91, seq=91, lead_id="luz", action=action, target="no_rudeness", text="es cierto"
    )


def app_with(*more: Event, language: Language = "es") -> tuple[AgentApp, ScriptedFeed]:
    feed = connected([*scripted_call.after_call(language), scored(language), *more], now=START + 95)
    return AgentApp(feed, language, clock=lambda: START + 95), feed


@pytest.mark.parametrize("size", SIZES)
async def test_the_score_has_total_pillars_points_and_the_lines_behind_them(size: tuple[int, int]) -> None:
    app, _ = app_with()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert "Calidad 40.0 de 100" in "\n".join(rows(app))
        await pilot.press("s")
        await settle(pilot)
        assert isinstance(app.screen, ScoreScreen)
        screen = rows(app)
        text = "\n".join(screen)
        assert "Calidad 40.0 de 100 · Seis pilares" in text
        assert "✗ Crítico sin cumplir: No descalifica al cliente; el puntaje queda en 40" in text
        for pillar in {item.group for item in scored("es").items}:
            assert pillar in text
        assert "14/14" in text
        assert "↳ 00:0" in text
        spoken = next(event.text for event in scripted_call.mid_call("es") if isinstance(event, Heard))
        assert f"Asesor: {spoken[:20]}" in text
        assert all(len(row) <= size[0] for row in screen)
        await pilot.press("down", "down", "down")
        await settle(pilot)
        assert "Dijo algo que no debe decirse." in "\n".join(rows(app))
        await pilot.press("escape")
        await settle(pilot)
        assert not isinstance(app.screen, ScoreScreen)


async def mark(app: AgentApp, pilot: Pilot[str], item_id: str) -> None:
    items = app.screen.query_one(OptionList)
    items.highlighted = items.get_option_index(item_id)
    await settle(pilot)


async def test_an_item_is_disputed_with_a_reason_and_never_without() -> None:
    app, feed = app_with()
    async with app.run_test(notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("s")
        await mark(app, pilot, "no_rudeness")
        await pilot.press("d")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("d")
        await pilot.press("escape")
        await settle(pilot)
        assert feed.did == []
        assert isinstance(app.screen, ScoreScreen)
        await pilot.press("d")
        await settle(pilot)
        app.screen.query_one(Input).value = "lo dijo el cliente"
        await pilot.press("enter")
        await settle(pilot)
        assert [(did.action, did.target, did.text, did.call_id) for did in feed.did] == [
            ("score_disputed", "no_rudeness", "lo dijo el cliente", CALL)
        ]
        assert isinstance(feed.did[0], AgentDid)
        assert feed.did[0].agent_id == AGENT
        feed.say(feed.did[0])
        await settle(pilot)
        text = "\n".join(rows(app))
        assert "en disputa" in text
        assert "ana disputa: lo dijo el cliente" in text
        await pilot.press("d")
        await settle(pilot)
        assert isinstance(app.screen, ScoreScreen)
        assert len(feed.did) == 1


@pytest.mark.parametrize(("item_id", "says"), [("greets", "not_lost"), ("dates", "not_lost")])
async def test_what_lost_nothing_can_not_be_disputed(item_id: str, says: str) -> None:
    app, feed = app_with()
    async with app.run_test(notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("s")
        await mark(app, pilot, item_id)
        await pilot.press("d")
        await settle(pilot)
        assert isinstance(app.screen, ScoreScreen)
        assert [toast.message for toast in app._notifications] == [say("es", f"quality.{says}")]
    assert feed.did == []


async def test_the_answer_is_told_and_shown_with_the_new_score() -> None:
    app, feed = app_with(DISPUTED)
    async with app.run_test(notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("s")
        await mark(app, pilot, "no_rudeness")
        old = scored("es")
        items = tuple(
            dataclasses.replace(item, points=item.of) if item.item_id == "no_rudeness" else item for item in old.items
        )
        better = dataclasses.replace(old, revision=2, seq=92, score=88.6, failed=(), items=items)
        feed.say(answer("dispute_upheld"), better)
        await settle(pilot)
        text = "\n".join(rows(app))
        assert "Calidad 88.6 de 100" in text
        assert "Crítico sin cumplir" not in text
        assert "luz aceptó la disputa: es cierto" in text
        assert any("luz aceptó su disputa: es cierto" in toast.message for toast in app._notifications)


async def test_a_rejected_dispute_may_be_raised_again() -> None:
    app, feed = app_with(DISPUTED, answer("dispute_rejected"))
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("s")
        await mark(app, pilot, "no_rudeness")
        assert "disputa rechazada" in "\n".join(rows(app))
        await pilot.press("d")
        await settle(pilot)
        await pilot.press(*"oiga", "enter")
        await settle(pilot)
    assert [did.text for did in feed.did] == ["oiga"]


async def test_without_a_score_the_key_does_nothing_and_while_waiting_it_shows_the_last_call() -> None:
    feed = connected(scripted_call.after_call("es"), now=START + 95)
    app = AgentApp(feed, "es", clock=lambda: START + 95)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("s")
        await settle(pilot)
        assert not isinstance(app.screen, ScoreScreen)
        feed.say(scored("es"))
        await pilot.press("c")
        await settle(pilot)
        assert app.query_one(Idle).display
        assert "Última llamada: Calidad 40.0 de 100" in "\n".join(rows(app))
        await pilot.press("s")
        await mark(app, pilot, "no_rudeness")
        await pilot.press("d")
        await settle(pilot)
        await pilot.press(*"no", "enter")
        await settle(pilot)
    assert [(did.call_id, did.target) for did in feed.did] == [(CALL, "no_rudeness")]


@pytest.mark.parametrize("asking", [False, True])
async def test_the_next_call_takes_the_screen(asking: bool) -> None:
    app, feed = app_with()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("s")
        await mark(app, pilot, "no_rudeness")
        if asking:
            await pilot.press("d")
            await settle(pilot)
        start = scripted_call.mid_call("es")[0]
        assert isinstance(start, CallStarted)
        feed.say(dataclasses.replace(start, call_id="next", at=START + 94, seq=95))
        await settle(pilot)
        if asking:
            await pilot.press(*"fue", "enter")
            await settle(pilot)
        await settle(pilot)
        assert not isinstance(app.screen, ScoreScreen)
        assert app.call is not None
        assert app.call.call_id == "next"
    # What was being written goes to the call it was about.
    assert [did.call_id for did in feed.did] == ([CALL] if asking else [])


Compare = Callable[..., bool]


def open_score(pilot: Pilot[str]) -> Awaitable[None]:
    async def run() -> None:
        await settle(pilot)
        await pilot.press("s")
        await mark_in(pilot)

    return run()


async def mark_in(pilot: Pilot[str]) -> None:
    await settle(pilot)
    await pilot.press("down", "down", "down")
    await settle(pilot)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_picture(snap_compare: Compare, language: Language, size: tuple[int, int]) -> None:
    app, _ = app_with(DISPUTED, language=language)
    assert snap_compare(app, terminal_size=size, run_before=open_score)
