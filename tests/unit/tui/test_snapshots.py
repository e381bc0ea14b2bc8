"""Pictures of the screen at both sizes; ``pytest --snapshot-update`` takes new ones: look before you keep them."""

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from assist.events import Degraded, Language
from tests.fakes import scripted_call
from tests.fakes.scripted_call import CALL, START
from tests.fakes.scripted_feed import connected
from tui.agent import AgentApp

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]


def app_at(language: Language, moment: str) -> AgentApp:
    events = scripted_call.after_call(language) if moment == "after" else scripted_call.mid_call(language)
    now = START + (95 if moment == "after" else 46)
    if moment == "degraded":
        events.append(Degraded(call_id=CALL, at=now, seq=90, component="recogniser", level="down", detail=""))
    return AgentApp(connected([] if moment == "idle" else events, now=now), language, clock=lambda: now)


async def settle(pilot: Pilot[str]) -> None:
    await pilot.pause()
    await pilot.pause()


def press(*keys: str) -> Callable[[Pilot[str]], Awaitable[None]]:
    async def run(pilot: Pilot[str]) -> None:
        await settle(pilot)
        await pilot.press(*keys)
        await settle(pilot)

    return run


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("moment", ["mid", "after"])
def test_screen(snap_compare: Compare, language: Language, moment: str, size: tuple[int, int]) -> None:
    assert snap_compare(app_at(language, moment), terminal_size=size, run_before=settle)


def test_idle(snap_compare: Compare) -> None:
    assert snap_compare(app_at("es", "idle"), run_before=settle)


def test_degraded(snap_compare: Compare) -> None:
    assert snap_compare(app_at("es", "degraded"), run_before=settle)


def test_help(snap_compare: Compare) -> None:
    assert snap_compare(app_at("es", "mid"), run_before=press("question_mark"))


def test_quit(snap_compare: Compare) -> None:
    assert snap_compare(app_at("es", "mid"), run_before=press("q"))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_what_was_told_without_a_card(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(app_at("es", "mid"), terminal_size=size, run_before=press("x"))
