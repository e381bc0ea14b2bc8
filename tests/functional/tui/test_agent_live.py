"""The agent's screen from the broker to the key and back."""

import asyncio

import pytest

from assist.events import AgentDid
from tests.fakes import scripted_call
from tests.fakes.scripted_call import CALL
from tests.functional.tui.conftest import Stage
from tests.support import eventually
from tui.agent import AgentApp
from tui.client import HubClient
from tui.widgets.panels import CardPanel, Idle
from tui.widgets.summary import SummaryPane


async def did(stage: Stage) -> list[tuple[str, str]]:
    return [(event.action, event.target) for event in await stage.bus.history(CALL) if isinstance(event, AgentDid)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_call_from_waiting_to_the_accepted_summary(stage: Stage, size: tuple[int, int]) -> None:
    client = HubClient(stage.url, stage.token())
    app = AgentApp(client, "es")
    async with app.run_test(size=size) as pilot:
        await eventually(lambda: app.state.synced)
        await pilot.pause()
        assert app.query_one(Idle).display
        middle, whole = scripted_call.mid_call("es"), scripted_call.after_call("es")
        await stage.play(middle[:-1])
        await eventually(lambda: app.card is not None)
        await stage.play(middle[-1:])
        await eventually(lambda: app.call is not None and bool(app.call.open))
        await pilot.pause()
        assert app.query_one(CardPanel).display
        await pilot.press("enter")
        await eventually(lambda: client.waiting == 0)
        assert await did(stage) == [("card_taken", "offer-1")]
        await stage.stop_hub()
        await eventually(lambda: app.state.link == "down")
        await stage.play(whole[len(middle) :])
        await stage.start_hub()
        await eventually(lambda: app.call is not None and bool(app.call.case_id), 20)
        await pilot.pause()
        assert app.query_one(SummaryPane).display
        await pilot.press("a")
        await eventually(lambda: app.call is not None and app.call.accepted)
        assert (await did(stage))[-1] == ("summary_accepted", "1")


async def test_a_screen_that_opens_late_shows_the_same(stage: Stage) -> None:
    await stage.play(scripted_call.mid_call("es")[:-1])
    early, late = (
        AgentApp(HubClient(stage.url, stage.token()), "es"),
        AgentApp(HubClient(stage.url, stage.token()), "es"),
    )
    async with early.run_test():
        await eventually(lambda: early.state.synced)
        async with late.run_test():
            await eventually(lambda: late.state.synced)
            assert late.call == early.call
            assert late.card is not None


async def test_a_refused_token_ends_the_screen_with_the_reason(stage: Stage) -> None:
    app = AgentApp(HubClient(stage.url, "apt_wrong"), "es")
    async with app.run_test() as pilot:
        await eventually(lambda: app.return_value is not None)
        await pilot.pause()
    assert app.return_code == 1
    assert "apuntador token create" in (app.return_value or "")
    await asyncio.sleep(0)
