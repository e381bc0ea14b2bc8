"""A real Asterisk: AudioSocket, chan_websocket, and calls listened to over ARI without a change of its dialplan."""

import asyncio
import random
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from assist.events import CallEnded, CallStarted
from sip_config.render import render
from tests.interop import audio
from tests.interop.asterisk import Asterisk
from tests.interop.conftest import Listener
from tests.interop.rig import HOST, Gateway, Process, Sipp, agent, caller, play, wait_for
from tests.interop.test_taps import SECRET, Taps
from tests.ports import sip_port

pytestmark = pytest.mark.interop

CALL = "0f8b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2"
DIALPLAN = """[test]
exten => customer,1,Answer()
 same => n,Playback(@HOME@/customer)
 same => n,Hangup()
exten => agent,1,Answer()
 same => n,Playback(@HOME@/agent)
 same => n,Hangup()
exten => socket-customer,1,Answer()
 same => n,AudioSocket(@CALL@c,@HOST@:@TCP@)
exten => socket-agent,1,Answer()
 same => n,AudioSocket(@CALL@a,@HOST@:@TCP@)
exten => web-customer,1,Answer()
 same => n,Dial(WebSocket/apuntador/c(@FORMAT@)v(call=1.7,party=customer,agent=luis))
exten => web-agent,1,Answer()
 same => n,Dial(WebSocket/apuntador/c(@FORMAT@)v(call=1.7,party=agent))
"""


def rendered(kind: str, *, ports: Sequence[int] = (), taps_port: int = 0) -> dict[str, str]:
    """Our own templates, filled in: what an admin gets from `apuntador sip render`."""
    values = {"ADDRESS": HOST, "TAP": "asterisk", "TAPS_PORT": str(taps_port), "SECRET": SECRET}
    return {file.name: file.text for file in render(kind, values, ports)}


@pytest.fixture
def said() -> dict[str, audio.Pcm]:
    return {"customer": audio.bursts(31, 5.0), "agent": audio.bursts(32, 5.0)}


@pytest.fixture
def taps(tmp_path: Path, listener: Listener, processes: list[Process]) -> Taps:
    process = Taps(tmp_path)
    processes.append(process)
    return process.wait_ready()


def filled(text: str, **values: object) -> str:
    for name, value in {"HOST": HOST, "CALL": CALL, "SECRET": SECRET, **values}.items():
        text = text.replace(f"@{name}@", str(value))
    return text


@pytest.fixture
def asterisk(
    tmp_path: Path, taps: Taps, said: dict[str, audio.Pcm], request: pytest.FixtureRequest, processes: list[Process]
) -> Asterisk:
    values = {"TCP": taps.tcp_port, "FORMAT": getattr(request, "param", "slin")}
    process = Asterisk(
        tmp_path,
        {
            "extensions.conf": filled(DIALPLAN, **values),
            **rendered("asterisk_websocket", taps_port=taps.port),
            "logger.conf": "[logfiles]\nconsole = warning,error,notice\n",
        },
    )
    processes.append(process)
    plan = (process.home / "extensions.conf").read_text().replace("@HOME@", str(process.inside))
    (process.home / "extensions.conf").write_text(plan)
    for party, pcm in said.items():
        (process.home / f"{party}.sln").write_bytes(pcm.astype("<i2").tobytes())
    process.command("dialplan reload")
    return process


async def both_heard(asterisk: Asterisk, listener: Listener, kind: str, said: dict[str, audio.Pcm]) -> str:
    for party in said:
        asterisk.command(f"channel originate Local/{party}@test/n extension {kind}-{party}@test")
    await listener.until(lambda: "CallEnded" in listener.kinds(), 30, "the call's end")
    call_id: str = listener.last(CallStarted).call_id
    await listener.until(lambda: listener.ended(call_id), what="both legs")
    for party, pcm in said.items():
        heard = listener.pcm(call_id, party)  # type: ignore[arg-type]
        assert audio.share_heard(heard, pcm) >= 0.8
    return call_id


async def test_audiosocket(asterisk: Asterisk, listener: Listener, said: dict[str, audio.Pcm]) -> None:
    await asyncio.wait_for(both_heard(asterisk, listener, "socket", said), 60)
    assert listener.kinds() == ["CallStarted", "CallAnswered", "CallEnded"]
    assert listener.last(CallEnded).reason == "ended"


@pytest.mark.parametrize("asterisk", ["ulaw", "alaw", "slin", "slin16"], indirect=True)
async def test_chan_websocket(asterisk: Asterisk, listener: Listener, said: dict[str, audio.Pcm]) -> None:
    await asyncio.wait_for(both_heard(asterisk, listener, "web", said), 60)
    assert listener.last(CallStarted).agent_id == "luis"
    assert listener.last(CallEnded).reason == "ended"


PJSIP = """[udp]
type = transport
protocol = udp
bind = @HOST@:@SIP@
[ana]
type = endpoint
context = none
disallow = all
allow = ulaw
direct_media = no
aors = ana
[ana]
type = aor
contact = sip:ana@@HOST@:@PHONE@
[carrier]
type = endpoint
context = from-carrier
disallow = all
allow = ulaw
direct_media = no
[carrier]
type = identify
endpoint = carrier
match = @CARRIER@
"""
CARRIER = "127.0.0.2"
"""Address of the customers' side where the PBX must tell it from ours."""
PLAIN_DIALPLAN = """[from-carrier]
exten => 900,1,Dial(PJSIP/ana,20)
exten => 901,1,Goto(apuntador,900,1)
"""


class PlainAsterisk(Asterisk):
    """As an admin has it: a trunk, a phone, ARI switched on; its dialplan knows nothing of us."""

    def __init__(self, tmp: Path, *, more_pjsip: str = "", more_plan: str = "", carrier: str = HOST) -> None:
        self.sip, self.phone, self.http = sip_port(), sip_port(), sip_port()
        start = random.randrange(33000, 34000, 2)
        ari = rendered("asterisk_ari")
        super().__init__(
            tmp,
            {
                "pjsip.conf": filled(PJSIP, SIP=self.sip, PHONE=self.phone, CARRIER=carrier).replace("ana@@", "ana@")
                + more_pjsip,
                "extensions.conf": PLAIN_DIALPLAN + more_plan,
                "rtp.conf": f"[general]\nrtpstart = {start}\nrtpend = {start + 40}\n",
                "http.conf": ari["http.conf"].replace("8088", str(self.http)),
                "ari.conf": ari["ari.conf"],
                "logger.conf": "[logfiles]\nconsole = warning,error,notice\n",
            },
        )

    def reaches_us(self) -> bool:
        """Whether a worker answers OPTIONS; asked now, for Asterisk itself takes its time."""
        for number in range(2):
            self.command(f"pjsip qualify apuntador{number}")
        return "Avail" in self.command("pjsip show contacts")


@pytest.fixture
def plain(tmp_path: Path, processes: list[Process]) -> PlainAsterisk:
    process = PlainAsterisk(tmp_path)
    processes.append(process)
    return process


def ari_taps(tmp_path: Path, plain: PlainAsterisk, processes: list[Process]) -> Taps:
    """The streams' process with this Asterisk for its only tap."""
    taps = Taps(tmp_path)
    taps.end()
    (tmp_path / "ari.secret").write_text(SECRET)
    head = taps.config.read_text().partition("[[tap]]")[0]
    taps.config.write_text(
        f'{head}[[tap]]\nname = "pbx"\nprotocol = "ari"\nurl = "http://{HOST}:{plain.http}/ari"\n'
        f'api_key = "apuntador"\nsecret = "file:{tmp_path / "ari.secret"}"\nagent = "luis"\n'
        f'[[agent]]\nid = "ana"\nsip = "sip:ana@{HOST}"\n[[agent]]\nid = "luis"\nsip = "sip:luis@{HOST}"\n'
    )
    taps.start()
    processes.append(taps)
    wait_for(lambda: "tap.ari_connected" in taps.text(), 20, "ARI")
    return taps


@pytest.mark.parametrize("late", [False, True], ids=["there-first", "there-later"])
async def test_a_call_is_listened_to_over_ari(
    tmp_path: Path,
    plain: PlainAsterisk,
    listener: Listener,
    said: dict[str, audio.Pcm],
    processes: list[Process],
    late: bool,
) -> None:
    if not late:
        await asyncio.to_thread(ari_taps, tmp_path, plain, processes)
    files = {party: audio.write_ulaw(tmp_path / f"{party}.ulaw", pcm) for party, pcm in said.items()}
    phone = Sipp(tmp_path, agent(tmp_path, PLAY=play(files["agent"])), port=plain.phone)
    processes.append(phone)
    talk = 16000 if late else 9000
    customer = Sipp(
        tmp_path, caller(tmp_path, PLAY=play(files["customer"]), TALK_MS=talk), port=sip_port(), to=plain.sip
    )
    processes.append(customer)
    if late:
        await listener.until(lambda: "Up" in plain.command("core show channels concise"), 20, "the call is up")
        await asyncio.to_thread(ari_taps, tmp_path, plain, processes)
    await listener.until(lambda: "CallAnswered" in listener.kinds(), 20, "the call")
    started = listener.last(CallStarted)
    assert (started.trunk, started.agent_id, started.callee) == ("pbx", "ana", "900")
    assert started.caller == "+573001234567"
    await asyncio.to_thread(customer.check, 40)
    await asyncio.to_thread(phone.check, 20)
    await listener.until(lambda: "CallEnded" in listener.kinds(), 20, "the call's end")
    assert listener.last(CallEnded).reason == "ended"
    await listener.until(lambda: listener.ended(started.call_id), what="both legs")
    if not late:
        for party, other in (("customer", "agent"), ("agent", "customer")):
            heard = listener.pcm(started.call_id, party)  # type: ignore[arg-type]
            # The first second may pass before Asterisk has set the listeners up.
            assert audio.share_heard(heard, said[party][8000:]) >= 0.8
            assert max(audio.windows_found(heard, said[other])[0]) < 0.5
    await listener.until(lambda: "0 active channels" in plain.command("core show channels"), 20, "no channel is left")
    assert "apuntador-" not in plain.command("bridge show all")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
async def test_a_process_that_ends_in_a_call_leaves_nothing_behind(
    tmp_path: Path, plain: PlainAsterisk, listener: Listener, processes: list[Process], number: signal.Signals
) -> None:
    taps = await asyncio.to_thread(ari_taps, tmp_path, plain, processes)
    phone = Sipp(tmp_path, agent(tmp_path), port=plain.phone)
    customer = Sipp(tmp_path, caller(tmp_path, TALK_MS=100000), port=sip_port(), to=plain.sip)
    processes += [phone, customer]
    await listener.until(lambda: "CallStarted" in listener.kinds(), 20, "the call")
    await listener.until(lambda: plain.command("bridge show all").count("apuntador-") == 2, 20, "both bridges")
    taps.popen.send_signal(number)
    await asyncio.to_thread(taps.wait, 15)
    if number is signal.SIGKILL:
        taps.start()
        # Now and then Asterisk 22 answers nobody for some seconds after a connection of ARI's broke.
        await listener.until(lambda: listener.kinds().count("CallStarted") == 2, 90, "the call is found again")
        assert listener.last(CallEnded).reason == "lost"
        taps.end()
    await listener.until(lambda: "apuntador-" not in plain.command("bridge show all"), 20, "no bridge is left")
    assert "2 active channels" in plain.command("core show channels")
    assert customer.running


async def test_a_wrong_password_is_said_and_asterisk_may_start_later(
    tmp_path: Path, plain: PlainAsterisk, listener: Listener, processes: list[Process]
) -> None:
    taps = await asyncio.to_thread(ari_taps, tmp_path, plain, processes)
    taps.end()
    (tmp_path / "ari.secret").write_text("wrong")
    taps.start()
    await listener.until(lambda: "check the tap's url, api_key" in taps.text(), 20, "the complaint")
    assert "wrong" not in taps.text()


async def test_the_rendered_trunk_carries_a_call_past_a_worker_that_is_not_there(
    tmp_path: Path, gateway: Gateway, listener: Listener, said: dict[str, audio.Pcm], processes: list[Process]
) -> None:
    trunk = rendered("asterisk", ports=(sip_port(), gateway.port))
    plain = PlainAsterisk(tmp_path, more_pjsip=trunk["pjsip.conf"], more_plan=trunk["extensions.conf"], carrier=CARRIER)
    processes.append(plain)
    await listener.until(plain.reaches_us, 20, "OPTIONS is answered")
    files = {party: audio.write_ulaw(tmp_path / f"{party}.ulaw", pcm) for party, pcm in said.items()}
    phone = Sipp(tmp_path, agent(tmp_path, PLAY=play(files["agent"])), port=gateway.agent_port)
    processes.append(phone)
    path = caller(tmp_path, PLAY=play(files["customer"]), TALK_MS=6000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=plain.sip, host=CARRIER, media_host=HOST, more=("-s", "901"))
    processes.append(customer)
    await asyncio.to_thread(customer.check, 40)
    await asyncio.to_thread(phone.check, 20)
    await listener.until(lambda: "CallEnded" in listener.kinds(), 20, "the call's end")
    started = listener.last(CallStarted)
    assert (started.caller, started.callee, started.agent_id) == ("+573001234567", "900", "ana")
    await listener.until(lambda: listener.ended(started.call_id), what="both legs")
    for party, other in (("customer", "agent"), ("agent", "customer")):
        heard = listener.pcm(started.call_id, party)  # type: ignore[arg-type]
        assert audio.share_heard(heard, said[party]) >= 0.8
        assert max(audio.windows_found(heard, said[other])[0]) < 0.5
