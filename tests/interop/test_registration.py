"""A registration trunk at a real registrar: digest both ways, calls in by the registration, calls out past a 407."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from assist import config
from assist.events import CallEnded, CallStarted
from gateway.probe.checks import Checks, Finding
from tests.interop.conftest import Listener, need
from tests.interop.provider import PASSWORD, USER, Provider
from tests.interop.rig import SDP, Gateway, Process, Sipp, agent, caller, scenario, wait_for
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop

PROVIDER, PBX = "127.0.0.4", "127.0.0.2"


class Line:
    """A gateway that registers with a provider."""

    def __init__(
        self,
        tmp: Path,
        processes: list[Process],
        *,
        password: str = PASSWORD,
        running: bool = True,
        transport: str = "udp",
    ) -> None:
        need("sipp")
        need("kamailio")
        self.tmp, self.processes = tmp, processes
        self.port, self.far_port, phone = sip_port(), sip_port(), sip_port()
        self.phone = phone
        self.secret = tmp / "provider.secret"
        self.secret.write_text(password + "\n")
        if running:
            self.start_registrar()
        routing = (
            f'[[trunk]]\nname = "provider"\nallow = ["{PROVIDER}/32"]\nagent = "ana"\nhost = "{PROVIDER}:{self.port}"\n'
            f'user = "{USER}"\nsecret = "file:{self.secret}"\nregistration = true\nregistration_s = 30\n'
            f'transport = "{transport}"\n'
            f'country = "CO"\noutbound = {{ allow = ["+57"], send = "national" }}\n'
            f'[[trunk]]\nname = "pbx"\nallow = ["{PBX}/32"]\nagent = "ana"\n'
            '[[route]]\ntrunk = ["pbx"]\nto = ["trunk:provider"]\n'
            f'[[agent]]\nid = "ana"\nsip = "sip:ana@127.0.0.1:{phone}"\n'
        )
        self.gateway = Gateway(tmp, tmp, routing=routing)
        processes.append(self.gateway)
        self.gateway.wait_ready()

    def start_registrar(self) -> Provider:
        registrar = Provider(self.tmp, PROVIDER, self.port, self.far_port)
        self.processes.append(registrar)
        return registrar

    def standing(self) -> dict[str, object]:
        path = self.tmp / "run" / "gateway.0.lines.json"
        found: dict[str, object] = json.loads(path.read_text())["registrations"]["provider"]
        return found

    def becomes(self, state: str, timeout: float = 30) -> None:
        wait_for(lambda: self.standing()["state"] == state, timeout, f"the registration becomes {state}")


async def said_of(line: Line) -> list[Finding]:
    """What `apuntador sip check` says of the provider."""
    settings = config.load(line.gateway.config).model_copy(update={"language": "en"})
    return [found async for found in Checks(settings).run() if "provider" in found.what]


async def test_calls_come_in_and_go_out_by_the_registration(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    line = Line(tmp_path, processes)
    await asyncio.to_thread(line.becomes, "registered")
    assert line.standing() == {"state": "registered", "code": 200, "expires": 30}

    # In: the public network calls the number, the registrar knows where we are.
    phone = Sipp(tmp_path, agent(tmp_path), port=line.phone)
    processes.append(phone)
    path = caller(tmp_path, TALK_MS=300)
    customer = Sipp(
        tmp_path, path, port=sip_port(), to=line.port, host="127.0.0.6", more=("-s", USER), to_host=PROVIDER
    )
    processes.append(customer)
    await asyncio.to_thread(customer.check, 30)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert (listener.last(CallStarted).trunk, listener.last(CallStarted).callee) == ("provider", USER)

    # Out: the provider asks for proof (407), and the far end hears a national number.
    far = Sipp(tmp_path, agent(tmp_path), port=line.far_port, host=PROVIDER)
    processes.append(far)
    pbx = Sipp(
        tmp_path,
        caller(tmp_path, TALK_MS=300),
        port=sip_port(),
        to=line.gateway.port,
        host=PBX,
        more=("-s", "3001234567"),
    )
    processes.append(pbx)
    await asyncio.to_thread(pbx.check, 30)
    await asyncio.to_thread(far.check, 20)
    await listener.until(lambda: listener.kinds().count("CallEnded") == 2, what="the second end")
    assert listener.last(CallStarted).direction == "outbound"
    assert listener.last(CallEnded).answered
    sent = far.messages()
    assert f"INVITE sip:3001234567@{PROVIDER}:{line.port}" in sent
    assert f"@{PROVIDER}>" in next(text for text in sent.splitlines() if text.startswith("From:"))
    assert PASSWORD not in line.gateway.text()

    told = await said_of(line)
    assert [finding.mark for finding in told] == ["ok", "ok", "ok"]
    assert told[1].result.startswith("answers 405")  # it is there, and takes no OPTIONS
    assert told[2].what == "Registration of trunk provider, kept by worker 0"
    assert told[2].result == "registered"

    # When the gateway goes, the provider must not send calls to it any more.
    await asyncio.to_thread(line.gateway.end)
    assert (await said_of(line))[2].result.startswith("not known")
    refused = scenario(tmp_path, "uac_expect", CODE=404, BODY=SDP)
    late = Sipp(tmp_path, refused, port=sip_port(), to=line.port, host="127.0.0.6", more=("-s", USER), to_host=PROVIDER)
    processes.append(late)
    await asyncio.to_thread(late.check, 20)


async def test_a_wrong_password_is_said_and_not_insisted_on(
    tmp_path: Path, real_broker: RealBroker, processes: list[Process]
) -> None:
    line = Line(tmp_path, processes, password="clave-equivocada")
    await asyncio.to_thread(line.becomes, "refused")
    told = line.gateway.lines("gateway.registration")
    assert [(entry["trunk"], entry["state"], entry["level"]) for entry in told] == [("provider", "refused", "error")]
    assert "clave-equivocada" not in line.gateway.text()
    told = (await said_of(line))[2]
    assert (told.mark, told.result) == ("failed", "refused with 401")
    assert told.remedy.startswith(f"Check user {USER}")


async def test_a_provider_that_comes_later_is_asked_again(
    tmp_path: Path, real_broker: RealBroker, processes: list[Process]
) -> None:
    line = Line(tmp_path, processes, running=False, transport="tcp")
    # By TCP the machine says at once that nobody listens there; by UDP it takes 32 s of silence.
    await asyncio.to_thread(line.becomes, "failed")
    await asyncio.to_thread(line.start_registrar)
    await asyncio.to_thread(line.becomes, "registered", 60)


async def test_a_reload_adds_and_removes_a_registration(
    tmp_path: Path, real_broker: RealBroker, processes: list[Process]
) -> None:
    line = Line(tmp_path, processes)
    await asyncio.to_thread(line.becomes, "registered")
    before = line.gateway.config.read_text()

    async def reloaded(text: str, times: int) -> None:
        line.gateway.config.write_text(text)
        line.gateway.popen.send_signal(signal.SIGHUP)
        await asyncio.to_thread(
            wait_for, lambda: len(line.gateway.lines("gateway.reloaded")) == times, 20, "the reload"
        )

    await reloaded(before.replace("registration = true", "registration = false"), 1)
    refused = scenario(tmp_path, "uac_expect", CODE=404, BODY=SDP)

    def is_gone() -> bool:
        peer = Sipp(
            tmp_path, refused, port=sip_port(), to=line.port, host="127.0.0.6", more=("-s", USER), to_host=PROVIDER
        )
        return peer.wait(20) == 0

    await asyncio.to_thread(wait_for, is_gone, 20, "the provider forgets us")
    await reloaded(before, 2)
    await asyncio.to_thread(line.becomes, "registered")
    line.secret.unlink()
    line.gateway.popen.send_signal(signal.SIGHUP)
    await asyncio.to_thread(wait_for, lambda: bool(line.gateway.lines("gateway.reload_refused")), 20, "the refusal")
    assert "can't be read" in line.gateway.lines("gateway.reload_refused")[0]["error"]
    assert line.standing()["state"] == "registered"


@pytest.mark.parametrize(
    ("password", "code", "why"),
    [(PASSWORD, 486, ""), ("clave-equivocada", 401, "digest_wrong")],
    ids=["right", "wrong"],
)
async def test_a_trunk_that_must_prove_who_it_is(
    tmp_path: Path,
    real_broker: RealBroker,
    listener: Listener,
    processes: list[Process],
    password: str,
    code: int,
    why: str,
) -> None:
    need("sipp")
    (tmp_path / "secret").write_text(PASSWORD)
    routing = (
        f'[[trunk]]\nname = "pbx"\nagent = "ana"\nchallenge = true\nuser = "{USER}"\n'
        f'secret = "file:{tmp_path / "secret"}"\n[[agent]]\nid = "ana"\nsip = "sip:ana@127.0.0.1:{{}}"\n'
    )
    phone_port = sip_port()
    gateway = Gateway(tmp_path, tmp_path, routing=routing.format(phone_port))
    processes.append(gateway)
    gateway.wait_ready()
    processes.append(Sipp(tmp_path, scenario(tmp_path, "uas_reject", CODE=486), port=phone_port))
    path = scenario(tmp_path, "uac_auth", USER=USER, PASSWORD=password, CODE=code, BODY=SDP)
    peer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes.append(peer)
    await asyncio.to_thread(peer.check, 30)
    if why:
        wait_for(lambda: any(line["why"] == why for line in gateway.lines("gateway.call_refused")), 10, "the log line")
        assert listener.events == []
    else:
        await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert PASSWORD not in gateway.text()
