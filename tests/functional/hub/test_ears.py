"""A lead's wish over the hub: written down, put to the booth, answered; and the command that utters it."""

import asyncio
import sys
import time
from pathlib import Path

from assist.bus.ears import lead_subject
from assist.events import CallAnswered, CallEnded, CallStarted, EarsChanged, EarsState, LeadDid
from assist.wire import EarsAnswer, EarsAsk
from tests.functional.hub.conftest import Rig
from tests.support import eventually

T0 = time.time()  # the hub forgets calls of long ago
STARTED = CallStarted(
    call_id="c1abcdef99",
    at=T0,
    trunk="pbx",
    caller="57300",
    callee="900",
    queue="soporte",
    agent_id="ana",
    language="es",
)
CALL = STARTED.call_id


class FakeBooth:
    """Answers as a booth would; ``states`` follow in the call's events."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.asked: list[EarsAsk] = []
        self.answer = EarsAnswer(accepted=True)
        self.states: list[tuple[EarsState, str]] = []

    async def start(self) -> None:
        await self.rig.bus.serve_ears(lead_subject("luz"), EarsAsk, self._on_ask)

    async def _on_ask(self, ask: EarsAsk) -> EarsAnswer:
        self.asked.append(ask)
        for state, reason in self.states:
            changed = EarsChanged(call_id=ask.call_id, at=T0 + 2, lead_id=ask.lead_id, state=state, reason=reason)  # type: ignore[arg-type]
            self.rig.bus.send(changed)
        return self.answer


async def begin(rig: Rig, *, answered: bool = True) -> None:
    rig.bus.send(STARTED)
    if answered:
        rig.bus.send(CallAnswered(call_id=CALL, at=T0 + 1))
    await rig.bus.flush()
    await eventually(lambda: len(rig.hub._book) == 1 and (not answered or next(iter(rig.hub._book)).answered))


def wish(action: str, call_id: str = CALL) -> dict[str, object]:
    return {"type": "LeadDid", "call_id": call_id, "lead_id": "luz", "action": action}


async def test_a_wish_is_stored_carried_out_and_answered(rig: Rig) -> None:
    booth = FakeBooth(rig)
    await booth.start()
    await begin(rig)
    client = await rig.connect(rig.token("lead", "luz"))
    await client.watch()
    await client.send(op="do", ref="r1", event=wish("listen"))
    await client.until("done", ref="r1")
    assert booth.asked == [EarsAsk(call_id=CALL, lead_id="luz", wish="listen")]
    booth.answer = EarsAnswer(accepted=False, reason="speaking", by="marta")
    await client.send(op="do", ref="r2", event=wish("whisper"))
    refusal = await client.until("error", ref="r2")
    assert refusal["code"] == "refused"
    assert "(marta)" in refusal["message"]
    did = [event.action for event in await rig.bus.history(CALL) if isinstance(event, LeadDid)]
    assert did == ["listen", "whisper"]


async def test_without_a_booth_or_a_live_call_the_answer_comes_at_once(rig: Rig) -> None:
    await begin(rig, answered=False)
    client = await rig.connect(rig.token("lead", "luz"))
    await client.watch()
    await client.send(op="do", ref="r1", event=wish("listen"))
    assert "contestada" in (await client.until("error", ref="r1"))["message"]
    rig.bus.send(CallAnswered(call_id=CALL, at=T0 + 1))
    await client.until_event("CallAnswered")
    await client.send(op="do", ref="r2", event=wish("listen"))
    assert "[[lead]]" in (await client.until("error", ref="r2"))["message"]
    rig.bus.send(CallEnded(call_id=CALL, at=T0 + 3, reason="agent_hangup", sip_code=200, answered=True))
    await client.until_event("CallEnded")
    await client.send(op="do", ref="r3", event=wish("listen"))
    assert "terminó" in (await client.until("error", ref="r3"))["message"]
    await client.until_event("EarsChanged", reason="call_ended")
    changed = [e.reason for e in await rig.bus.history(CALL) if isinstance(e, EarsChanged)]
    assert changed == ["not_answered", "no_booth", "call_ended"]


async def test_an_agent_hears_nobody(rig: Rig) -> None:
    booth = FakeBooth(rig)
    await booth.start()
    await begin(rig)
    client = await rig.connect(rig.token("agent", "ana"))
    await client.watch()
    await client.send(op="do", ref="r1", event={**wish("listen"), "lead_id": "ana"})
    assert (await client.until("error", ref="r1"))["code"] == "forbidden"
    stranger = await rig.connect(rig.token("lead", "eva"))
    await stranger.watch()
    await stranger.send(op="do", ref="r1", event=wish("listen"))
    assert (await stranger.until("error", ref="r1"))["code"] == "forbidden"
    assert booth.asked == []


async def command(rig: Rig, tmp_path: Path, *args: str, role: str = "lead", subject: str = "luz") -> tuple[int, str]:
    """``apuntador lead …`` as a process; exit code and everything it printed."""
    token = tmp_path / f"{role}.token"
    if not token.exists():
        token.write_text(rig.token(role, subject))  # type: ignore[arg-type]
    (tmp_path / "apuntador.toml").write_text(f'language = "en"\ndata_dir = "{tmp_path}"\n')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "assist", "--config", str(tmp_path / "apuntador.toml"), "lead", *args),
        *("--url", rig.url, "--token-file", str(token)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=Path(__file__).parents[3],
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode()


async def test_the_command_lists_calls_finds_them_and_says_what_became_of_it(rig: Rig, tmp_path: Path) -> None:
    booth = FakeBooth(rig)
    await booth.start()
    assert await command(rig, tmp_path, "calls") == (0, "There are no live calls that you may hear.\n")
    await begin(rig)
    code, out = await command(rig, tmp_path, "calls")
    assert (code, "c1abcdef" in out, "agent ana" in out) == (0, True, True)

    booth.states = [("calling", ""), ("listening", "")]
    code, out = await command(rig, tmp_path, "listen", "ana")
    assert code == 0, out
    assert out.endswith("luz listens\n")
    booth.states = [("whispering", "")]
    assert await command(rig, tmp_path, "whisper") == (0, "luz whispers to the agent\n")

    code, out = await command(rig, tmp_path, "barge", "zzz")
    assert code == 2
    assert "No live call begins with 'zzz'" in out
    assert "c1abcdef (ana)" in out
    booth.answer, booth.states = EarsAnswer(accepted=False, reason="speaking", by="marta"), []
    code, out = await command(rig, tmp_path, "barge", "c1ab")
    assert (code, "ya habla en la llamada (marta)" in out) == (2, True)  # the hub's language
    code, out = await command(rig, tmp_path, "listen", "ana", role="agent", subject="ana")
    assert code == 2
    assert "team lead's is needed" in out
    assert [ask.wish for ask in booth.asked] == ["listen", "whisper", "barge"]


async def test_a_phone_that_is_not_answered_is_told(rig: Rig, tmp_path: Path) -> None:
    booth = FakeBooth(rig)
    booth.states = [("calling", ""), ("refused", "phone_busy")]
    await booth.start()
    await begin(rig)
    code, out = await command(rig, tmp_path, "listen")
    assert code == 2
    assert "phone is busy" in out
