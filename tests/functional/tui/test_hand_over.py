"""The hand-over through real parts: sessions, broker, case history, hub, and the screens of two agents and a lead."""

import dataclasses
import time

from textual.widgets import Static

from assist.bus import Bus
from assist.events import CallEnded, CallTransferred, Event, HandOverDrafted, Heard, SummaryDrafted, TranscriptSettled
from assist.session.service import SessionService
from assist.store.engine import open_for_reading
from assist.store.reader import read_case
from assist.store.service import CaseService
from tests.functional.tui.conftest import Stage
from tests.support import eventually
from tests.unit.decide.calls import begin, demo_events, shifted
from tui.agent import AgentApp
from tui.client import HubClient
from tui.dialogs import HandOverDialog


def talk(call_id: str) -> list[Event]:
    """The finals of the demo call, which has not ended, as of now."""
    events = [
        event
        for event in demo_events("es", call_id)
        if not isinstance(event, CallEnded | TranscriptSettled) and not (isinstance(event, Heard) and not event.final)
    ]
    return shifted(events)


def shown(app: AgentApp) -> str:
    """The dialog's text, empty when none is open."""
    if not isinstance(app.screen, HandOverDialog):
        return ""
    return "\n".join(str(part.content) for part in app.screen.query(Static))


async def test_asked_for_transferred_and_received(stage: Stage) -> None:
    session_bus, case_bus = Bus(stage.broker.address, name="sessions"), Bus(stage.broker.address, name="cases")
    for bus in (session_bus, case_bus):
        await bus.start()
        await bus.ready()
    sessions, cases = SessionService(session_bus, stage.settings), CaseService(case_bus, stage.settings)
    await cases.start()
    await sessions.start()
    first = AgentApp(HubClient(stage.url, stage.token(subject="ana")), "es")
    second = AgentApp(HubClient(stage.url, stage.token(subject="luis")), "es")
    lead = await stage.connect(stage.token(role="lead", subject="marta"))
    await lead.watch()
    async with first.run_test(size=(80, 24)) as one, second.run_test(size=(80, 24)) as two:
        for event in talk("c1"):
            stage.bus.send(event)
        await eventually(lambda: first.call is not None and len(first.call.lines) > 5, what="the talk")

        await one.press("h")
        await eventually(lambda: bool(shown(first)), what="the hand-over on the screen that asked")
        assert "Motivo" in shown(first)
        await one.press("x")
        await one.pause()
        assert not shown(first)

        asked = {"type": "LeadDid", "call_id": "c1", "lead_id": "marta", "action": "hand_over"}
        await lead.send(op="do", event=asked, ref="r1")
        await lead.until("done", ref="r1")
        got = await lead.until_event("HandOverDrafted", cause="asked")
        assert any(item["slot"] == "reason" for item in got["items"])

        stage.bus.send(CallTransferred(call_id="c1", at=time.time(), target="sip:luis@pbx"))
        await lead.until_event("HandOverDrafted", cause="transferred")
        assert second.call is None  # the first agent's call is not the second's to see
        start, answered = begin("c2", "es")
        now = time.time()
        stage.bus.send(dataclasses.replace(start, at=now, agent_id="luis"))
        stage.bus.send(dataclasses.replace(answered, at=now))
        await eventually(lambda: bool(shown(second)), what="the hand-over on the next agent's screen")
        await two.pause()
        assert second.call is not None
        assert second.call.received is not None
        assert second.call.received.from_call == "c1"
        assert shown(second).splitlines()[:1] == ["Motivo"]
        assert not shown(first)

        stage.bus.send(CallEnded(call_id="c1", at=time.time(), reason="agent_hangup", sip_code=200, answered=True))
        stage.bus.send(TranscriptSettled(call_id="c1", at=time.time()))
        await eventually(lambda: first.call is not None and first.call.summary is not None, what="the summary")
        await eventually(lambda: first.call is not None and bool(first.call.case_id), what="the case")
    history = await stage.bus.history("c1")
    (summary,) = [event for event in history if isinstance(event, SummaryDrafted)]
    assert len([event for event in history if isinstance(event, HandOverDrafted)]) == 3
    engine = open_for_reading(stage.settings.store_url)
    with engine.connect() as connection:
        case = read_case(connection, "c1")
    engine.dispose()
    assert len(case.summary) == len(summary.items)
    await sessions.stop()
    await cases.stop()
    for bus in (session_bus, case_bus):
        await bus.close()


async def test_the_case_follows_the_customer_to_a_colleague(stage: Stage) -> None:
    """The same call goes on with another agent, who is shown what was said so far."""
    bus = Bus(stage.broker.address, name="sessions")
    await bus.start()
    await bus.ready()
    sessions = SessionService(bus, stage.settings)
    await sessions.start()
    first = AgentApp(HubClient(stage.url, stage.token(subject="ana")), "es")
    second = AgentApp(HubClient(stage.url, stage.token(subject="luis")), "es")
    async with first.run_test(size=(80, 24)), second.run_test(size=(80, 24)):
        for event in talk("c1"):
            stage.bus.send(event)
        await eventually(lambda: first.call is not None and len(first.call.lines) > 5, what="the talk")
        moved = CallTransferred(call_id="c1", at=time.time(), target="sip:luis@pbx", agent_id="luis", by_agent="ana")
        stage.bus.send(moved)
        await eventually(lambda: bool(shown(second)), what="the hand-over on the colleague's screen")
        assert shown(second).splitlines()[:1] == ["Motivo"]
        assert second.call is not None
        assert (second.call.call_id, second.call.agent_id, second.call.phase) == ("c1", "luis", "talking")
        await eventually(lambda: first.call is None, what="the call is off the first screen")
        assert not shown(first)
    await sessions.stop()
    await bus.close()
