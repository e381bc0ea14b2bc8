"""The agent's screen without a hub: what is shown and what each key does."""

import dataclasses

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from assist.events import AgentDid, CallEnded, CardOffered, CardWithdrawn, Degraded, Language, SensitiveChanged
from assist.strings import say
from tests.fakes import scripted_call
from tests.fakes.scripted_call import CALL, START, heard
from tests.fakes.scripted_feed import ScriptedFeed, connected
from tui.actions import ACTIONS
from tui.agent import AgentApp
from tui.frames import Link, Refused
from tui.widgets.panels import Banner, CardPanel, Idle, KeyLine
from tui.widgets.summary import SummaryPane
from tui.widgets.transcript import Transcript

SIZES = [(80, 24), (120, 40)]


def mid_call(language: Language = "es") -> tuple[AgentApp, ScriptedFeed]:
    feed = connected(scripted_call.mid_call(language), now=START + 46)
    return AgentApp(feed, language, clock=lambda: START + 46), feed


def after_call(language: Language = "es") -> tuple[AgentApp, ScriptedFeed]:
    feed = connected(scripted_call.after_call(language), now=START + 95)
    return AgentApp(feed, language, clock=lambda: START + 95), feed


def rows(app: AgentApp) -> list[str]:
    """The screen as text."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip)[:width] for strip in strips][:height]


async def settle(pilot: Pilot[str]) -> None:
    await pilot.pause()
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_the_screen_of_a_call(size: tuple[int, int]) -> None:
    app, _ = mid_call()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        screen = rows(app)
        text = "\n".join(screen)
        assert "● EN LLAMADA 00:46" in screen[0]
        assert "− negativo ▼ empeora" in screen[0]
        assert "! Validar identidad 14 s" in text
        assert "✓ Aviso de grabación" in text
        assert "Cliente ▌ Andrés Felipe Rojas." in text
        assert "Riesgo de fuga" in text
        assert "Enter usar" in text
        assert "…" in text
        # Nothing hangs over the edge.
        assert all(len(row) <= size[0] for row in screen)


async def test_enter_takes_the_card_once() -> None:
    app, feed = mid_call()
    async with app.run_test() as pilot:
        await settle(pilot)
        assert app.query_one(CardPanel).display
        await pilot.press("enter", "enter", "t")
        await settle(pilot)
        assert not app.query_one(CardPanel).display
    assert [(event.action, event.target, event.call_id) for event in feed.did if isinstance(event, AgentDid)] == [
        ("card_taken", "offer-1", CALL)
    ]


@pytest.mark.parametrize("size", SIZES)
async def test_p_stops_listening_and_the_screen_says_so_until_it_goes_on(size: tuple[int, int]) -> None:
    app, feed = mid_call()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("p")
        feed.say(SensitiveChanged(call_id=CALL, at=START + 47, state="begin", reason="agent", evidence=()))
        await settle(pilot)
        assert any("Dato de pago: no se escucha" in row for row in rows(app))
        await pilot.press("p")
        feed.say(SensitiveChanged(call_id=CALL, at=START + 60, state="end", reason="agent", evidence=()))
        await settle(pilot)
        assert not any("Dato de pago" in row for row in rows(app))
    actions = [event.action for event in feed.did if isinstance(event, AgentDid)]
    assert actions == ["listening_paused", "listening_resumed"]


ANSWERS = [("t", "card_taken"), ("x", "card_dismissed"), ("escape", "card_dismissed"), ("u", "card_not_useful")]


@pytest.mark.parametrize(("key", "action"), ANSWERS)
async def test_each_key_of_the_card(key: str, action: str) -> None:
    app, feed = mid_call()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press(key)
    assert [event.action for event in feed.did] == [action]


async def test_a_card_goes_when_it_is_withdrawn_and_the_next_comes() -> None:
    app, feed = mid_call()
    async with app.run_test() as pilot:
        await settle(pilot)
        feed.say(CardWithdrawn(call_id=CALL, at=START, offer_id="offer-1", reason="said"))
        await settle(pilot)
        assert not app.query_one(CardPanel).display
        await pilot.press("enter")
        assert feed.did == []
        feed.say(
            CardOffered(
                call_id=CALL,
                at=START,
                offer_id="offer-2",
                card_id="k",
                title="[b]no es marca[/b]",
                say="[red]tampoco[/red]",
                priority=1,
                confidence=1.0,
                evidence=(),
            )
        )
        await settle(pilot)
        text = "\n".join(rows(app))
        assert "[b]no es marca[/b]" in text
        assert "[red]tampoco[/red]" in text


async def test_a_thousand_partials_are_drawn_a_few_times() -> None:
    app, feed = mid_call()
    draws = 0
    async with app.run_test() as pilot:
        await settle(pilot)
        transcript = app.query_one(Transcript)
        show = transcript.show

        def counted(*args: object) -> None:
            nonlocal draws
            draws += 1
            show(*args)  # type: ignore[arg-type]

        transcript.show = counted  # type: ignore[method-assign]
        feed.say(*(heard("customer", 60, f"palabra {number}", final=False) for number in range(1000)))
        await settle(pilot)
        assert "palabra 999" in "\n".join(rows(app))
    assert draws < 20


async def test_the_transcript_stands_still_while_somebody_reads_back() -> None:
    app, feed = mid_call()
    async with app.run_test() as pilot:
        await settle(pilot)
        feed.say(*(heard("agent", 50 + number, f"línea {number}") for number in range(40)))
        await settle(pilot)
        transcript = app.query_one(Transcript)
        assert transcript.following
        assert "línea 39" in "\n".join(rows(app))
        await pilot.press("pageup")
        await settle(pilot)
        await pilot.wait_for_animation()
        place = transcript.scroll_offset.y
        assert not transcript.following
        feed.say(heard("agent", 99, "línea nueva"))
        await settle(pilot)
        assert transcript.scroll_offset.y == place
        assert "línea nueva" not in "\n".join(rows(app))
        await pilot.press("end")
        await settle(pilot)
        assert transcript.following
        assert "línea nueva" in "\n".join(rows(app))


async def test_the_summary_takes_over_and_is_accepted() -> None:
    app, feed = mid_call()
    async with app.run_test() as pilot:
        await settle(pilot)
        feed.say(
            CallEnded(call_id=CALL, at=START + 84, reason="customer_hangup", sip_code=200, answered=True),
        )
        await settle(pilot)
        assert app.query_one(SummaryPane).display
        assert say("es", "tui.summary_waiting") in "\n".join(rows(app))
        await pilot.press("a", "e")
        assert feed.did == []
        feed.say(*scripted_call.after_call("es")[-3:])
        await settle(pilot)
        text = "\n".join(rows(app))
        assert "Compromiso" in text
        assert "89.900 pesos." in text
        assert "AP-2026-000123" in text
        await pilot.press("a")
        assert [(event.action, event.target) for event in feed.did] == [("summary_accepted", "1")]
        feed.say(feed.did[0])
        await settle(pilot)
        assert "✓ Resumen aceptado" in "\n".join(rows(app))
        await pilot.press("a")
        assert len(feed.did) == 1
        await pilot.press("c")
        await settle(pilot)
        assert app.query_one(Idle).display


async def test_correcting_a_line_and_the_disposition() -> None:
    app, feed = after_call()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "e")
        await settle(pilot)
        field = app.screen.query_one(Input)
        assert field.value == "89.900 pesos."
        field.value = "89.000 pesos."
        await pilot.press("enter")
        app.query_one("#summary-items", OptionList).highlighted = 0
        await pilot.press("enter")
        await settle(pilot)
        app.screen.query_one(Input).value = "Cobro devuelto"
        await pilot.press("enter")
        await pilot.press("e", "escape")
        await settle(pilot)
    assert [(event.action, event.target, event.text) for event in feed.did] == [
        ("summary_edited", "amount", "89.000 pesos."),
        ("summary_edited", "disposition", "Cobro devuelto"),
    ]


async def test_a_note_and_a_tick() -> None:
    app, feed = mid_call()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("n", *"ojo", "enter", "n", "enter", "m", "down", "enter")
        await settle(pilot)
    assert [(event.action, event.target, event.text) for event in feed.did] == [
        ("note", "", "ojo"),
        ("rule_ticked", "rule-2", ""),
    ]


async def test_trouble_is_said_and_the_call_goes_on() -> None:
    app, feed = mid_call()
    async with app.run_test() as pilot:
        await settle(pilot)
        banner = app.query_one(Banner)
        assert not banner.display
        trouble = Degraded(call_id=CALL, at=START, component="recogniser", level="down", detail="")
        feed.say(trouble)
        await settle(pilot)
        assert "! Sin transcripción: la llamada sigue" in "\n".join(rows(app))
        feed.say(dataclasses.replace(trouble, level="reduced"))
        await settle(pilot)
        assert "! Texto solo al final de cada frase" in "\n".join(rows(app))
        feed.say(dataclasses.replace(trouble, level="late", lag_s=34.0))
        await settle(pilot)
        assert "! Transcripción con retraso: 34 s" in "\n".join(rows(app))
        feed.say(dataclasses.replace(trouble, level="ok"))
        await settle(pilot)
        assert not banner.display
        feed.waiting = 2
        feed.frame(Link(up=False))
        await settle(pilot)
        assert "reconectando. La llamada sigue. 2 acciones" in "\n".join(rows(app))
        assert "Riesgo de fuga" in "\n".join(rows(app))


async def test_quitting_asks_only_during_a_call() -> None:
    app, _ = mid_call()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("q", "n")
        await settle(pilot)
        assert app.is_running
        await pilot.press("q", "s")
        await settle(pilot)
        assert app.return_value == ""
    app, _ = after_call()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("q")
        await settle(pilot)
        assert app.return_value == ""


async def test_help_lists_every_action_of_the_registry() -> None:
    app, _ = mid_call("en")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await settle(pilot)
        text = "\n".join(rows(app))
        for action in ACTIONS:
            assert say("en", f"tui.action_{action.name}_help") in text
        await pilot.press("x")
        await settle(pilot)
        assert app.query_one(CardPanel).display


async def test_a_refusal_is_shown() -> None:
    app, feed = mid_call()
    async with app.run_test(notifications=True) as pilot:
        await settle(pilot)
        feed.frame(Refused("forbidden", "no [b]es[/b] suya", "r"))
        await settle(pilot)
        assert any("no [b]es[/b] suya" in toast.message for toast in app._notifications)


async def test_idle_says_so_and_offers_only_what_makes_sense() -> None:
    feed = connected([], now=START)
    app = AgentApp(feed, "en", clock=lambda: START)
    async with app.run_test() as pilot:
        await settle(pilot)
        text = "\n".join(rows(app))
        assert "○ AVAILABLE" in text
        assert say("en", "tui.idle_waiting") in text
        assert "Agent: ana" in text
        assert app.query_one(KeyLine).display
        await pilot.press("enter", "x", "a", "e", "n", "m", "c", "v")
        await settle(pilot)
        assert feed.did == []
        assert len(app.screen_stack) == 1


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("size", [(80, 24), (60, 16), (200, 60)])
async def test_the_keys_fit_on_their_line(language: Language, size: tuple[int, int]) -> None:
    for make in (mid_call, after_call):
        app, _ = make(language)
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            if size[0] >= 80:
                assert say(language, "tui.action_quit") in rows(app)[-1]
