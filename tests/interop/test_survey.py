"""The survey after a call, with a real customer's phone: what is said, what a key does, what is kept."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assist.events import CallEnded, SurveyAnswered, SurveyEnded
from gateway.playout import read_wav
from tests.interop import audio
from tests.interop.conftest import Listener, need
from tests.interop.rig import Gateway, Process, Sipp, agent, caller
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port

pytestmark = pytest.mark.interop

PROMPTS = Path(__file__).parents[2] / "gateway" / "prompts" / "es"
SURVEY = (
    '[survey]\nqueues = ["soporte"]\nanswer_s = 20\n'
    '[[survey.question]]\nid = "satisfied"\nkind = "csat"\n[[survey.question]]\nid = "recommends"\nkind = "nps"\n'
)


@pytest.fixture
def customer_end() -> Iterator[RtpEnd]:
    end = RtpEnd(audio.bursts(11, 6.0))
    yield end
    end.close()


def heard(end: RtpEnd, prompt: str, *, windows: int = 2) -> bool:
    """Whether so many half seconds of this recording have reached the customer."""
    played = np.frombuffer(b"".join(read_wav(PROMPTS / f"{prompt}.wav")), "<i2")
    correlations, _ = audio.windows_found(end.pcm(), played)
    return sum(c > 0.9 for c in correlations) >= windows


async def call(
    tmp_path: Path, listener: Listener, processes: list[Process], end: RtpEnd, *, goodbye: str, talk_ms: int = 1
) -> Sipp:
    """A call whose agent hangs up at once; returns the customer."""
    need("sipp")
    gateway = Gateway(tmp_path, tmp_path, more=SURVEY, arguments=("--grace", "0"))
    processes.append(gateway)
    gateway.wait_ready()
    phone = Sipp(tmp_path, agent(tmp_path, END="uas_bye.xml", TALK_MS=500), port=gateway.agent_port)
    path = caller(tmp_path, RTP_PORT=end.port, TALK_MS=talk_ms, END=goodbye)
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes += [phone, customer]
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "agent_hangup"
    await asyncio.to_thread(phone.check, 30)
    return customer


async def test_two_questions_a_wrong_key_and_goodbye(
    tmp_path: Path, listener: Listener, processes: list[Process], customer_end: RtpEnd
) -> None:
    customer = await call(tmp_path, listener, processes, customer_end, goodbye="uac_wait_bye.xml")
    await listener.until(lambda: heard(customer_end, "intro"), what="the greeting")
    await listener.until(lambda: heard(customer_end, "csat"), what="the first question")
    customer_end.send_digit("9")
    await listener.until(lambda: heard(customer_end, "invalid"), what="that the key is wrong")
    customer_end.send_digit("4")
    await listener.until(lambda: heard(customer_end, "nps"), what="the second question")
    customer_end.send_digit("1")
    customer_end.send_digit("0")
    await listener.until(lambda: heard(customer_end, "thanks"), what="thanks")
    await asyncio.to_thread(customer.check, 30)
    answers = [event for event in listener.events if isinstance(event, SurveyAnswered)]
    assert [(a.question_id, a.kind, a.low, a.high, a.score) for a in answers] == [
        ("satisfied", "csat", 1, 5, 4),
        ("recommends", "nps", 0, 10, 10),
    ]
    ended = listener.last(SurveyEnded)
    assert (ended.outcome, ended.asked, ended.answered) == ("completed", 2, 2)
    assert listener.kinds().index("CallEnded") < listener.kinds().index("SurveyAnswered")
    gateway = processes[0]
    assert isinstance(gateway, Gateway)
    assert not gateway.lines("gateway.leg_stuck")


async def test_a_customer_who_hangs_up_keeps_what_was_answered(
    tmp_path: Path, listener: Listener, processes: list[Process], customer_end: RtpEnd
) -> None:
    customer = await call(tmp_path, listener, processes, customer_end, goodbye="uac_bye.xml", talk_ms=5000)
    await listener.until(lambda: heard(customer_end, "intro", windows=1), what="the greeting")
    customer_end.send_digit("5")
    await asyncio.to_thread(customer.check, 30)
    await listener.until(lambda: "SurveyEnded" in listener.kinds(), what="SurveyEnded")
    assert listener.last(SurveyAnswered).score == 5
    ended = listener.last(SurveyEnded)
    assert (ended.outcome, ended.asked, ended.answered) == ("hung_up", 2, 1)
