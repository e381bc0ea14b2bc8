"""A dispute from the command line through the real broker into the history, and a lead's answer back into the score."""

import asyncio

from typer.testing import CliRunner, Result

from assist.bus import Bus
from assist.cli.score import app
from assist.config import Settings
from assist.decide.lexicon import LexiconBaseline
from assist.events import AgentDid, CallEnded, CallScored, Event, LeadDid, TranscriptSettled
from assist.hub.auth import Role, TokenStore
from assist.session.service import SessionService
from assist.store.engine import open_for_reading
from assist.store.reader import CaseFile, read_case
from assist.store.service import CaseService
from tests.support import RealBroker, eventually
from tests.unit.decide.calls import T0, begin, heard

SAID = [("agent", "Buenas tardes, habla Ana."), ("customer", "Me cobraron dos veces."), ("agent", "No es mi problema.")]


def call() -> list[Event]:
    lines = [
        heard(party, text, 4 * n, 4 * n + 3, uid=f"u{n}")  # type: ignore[arg-type]
        for n, (party, text) in enumerate(SAID)
    ]
    end = CallEnded(call_id="c1", at=T0 + 20, reason="customer_hangup", sip_code=200, answered=True)
    return [*begin("c1", "es"), *lines, end, TranscriptSettled(call_id="c1", at=T0 + 21)]


def case_of(settings: Settings) -> CaseFile:
    engine = open_for_reading(settings.store_url)
    try:
        with engine.connect() as connection:
            return read_case(connection, "c1")
    finally:
        engine.dispose()


def token(settings: Settings, role: Role, subject: str) -> str:
    path = settings.data_dir / f"{subject}.token"
    path.write_text(TokenStore.in_dir(settings.data_dir).create(role, subject)[0])
    return str(path)


async def run(settings: Settings, *args: str) -> Result:
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(args), obj=settings, env={"COLUMNS": "160"}))


async def test_a_dispute_and_its_answer_go_through_broker_session_and_store(
    real_broker: RealBroker, bus: Bus, settings: Settings
) -> None:
    real_broker.address.save(settings.bus_file)
    seen: list[Event] = []

    async def see(event: Event) -> None:
        seen.append(event)

    await bus.follow(see)
    cases = CaseService(bus, settings)
    sessions = SessionService(bus, settings, sentiment=LexiconBaseline(), clock=lambda: T0 + 30)
    await cases.start()
    await sessions.start()
    for event in call():
        bus.send(event)
    await eventually(lambda: any(isinstance(event, CallScored) for event in seen), 30, "the score")
    await eventually(lambda: bool(case_of(settings).scores), 30, "the score in the history")
    assert (case_of(settings).scores[0]["score"], case_of(settings).scores[0]["failed"]) == (0.0, ["no_rudeness"])

    raised = await run(
        *(settings, "dispute", "c1", "no_rudeness", "--reason", "citaba al banco"),
        *("--token-file", token(settings, "agent", "ana")),
    )
    assert raised.exit_code == 0, raised.output
    assert "ana disputa: citaba al banco" in raised.output
    assert "c1" in (await run(settings, "list", "--disputed", "--json")).output

    answered = await run(
        *(settings, "resolve", "c1", "no_rudeness", "--uphold", "--reason", "se oye en la línea 3"),
        *("--token-file", token(settings, "lead", "luz")),
    )
    assert answered.exit_code == 0, answered.output
    # The session scores the call anew, the history has given the points already: both say the same.
    await eventually(lambda: [e.revision for e in seen if isinstance(e, CallScored)] == [1, 2], 30, "the new score")
    await eventually(lambda: case_of(settings).scores[0]["revision"] == 2, 30, "the new score in the history")
    scored = next(event for event in reversed(seen) if isinstance(event, CallScored))
    row = case_of(settings).scores[0]
    assert (row["score"], row["failed"]) == (scored.score, [])
    assert f"{scored.score:.1f} de 100" in answered.output
    people = [event for event in seen if isinstance(event, AgentDid | LeadDid)]
    kept = [(act["person"], act["action"], act["at"], act["text"]) for act in case_of(settings).actions]
    assert kept == [
        ("ana", "score_disputed", people[0].at, "citaba al banco"),
        ("luz", "dispute_upheld", people[1].at, "se oye en la línea 3"),
    ]
    await sessions.stop()
    await cases.stop()
