"""A real Asterisk as the PBX: Apuntador registers with it, and a trunk by TLS with encrypted audio."""

import asyncio
import random
from pathlib import Path

import pytest

from assist.events import CallEnded, CallStarted
from sip_config.render import render
from tests.certificates import TestAuthority
from tests.interop import audio
from tests.interop.asterisk import Asterisk, asterisk_root
from tests.interop.conftest import Listener, need
from tests.interop.rig import HOST, Gateway, Process, Sipp, agent, caller, play, wait_for
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop

PBX, NETWORK, CARRIER = "127.0.0.5", "127.0.0.6", "127.0.0.3"
USER, PASSWORD = "apuntador", "clave-de-prueba"
PJSIP = """[udp]
type = transport
protocol = udp
bind = @PBX@:@SIP@
[ana]
type = endpoint
context = none
disallow = all
allow = ulaw
direct_media = no
aors = ana
[ana]
type = aor
contact = sip:ana@127.0.0.1:@PHONE@
[network]
type = endpoint
context = from-network
disallow = all
allow = ulaw
direct_media = no
[network]
type = identify
endpoint = network
match = @NETWORK@
"""
DIALPLAN = """[from-network]
exten => 901,1,Goto(apuntador,900,1)
[from-apuntador]
exten => 600,1,Dial(PJSIP/ana,20)
"""


class Pbx(Asterisk):
    """Asterisk with one of our templates, filled in, and as little else as it takes."""

    def __init__(self, tmp: Path, kind: str, *, ports: tuple[int, ...], tls: TestAuthority | None = None) -> None:
        asterisk_root()
        self.sip, self.phone, self.tls = sip_port(), sip_port(), sip_port()
        values = {"ADDRESS": HOST, "USER": USER, "SECRET": PASSWORD, "BIND": f"{PBX}:{self.tls}"}
        base = {file.name: file.text for file in render("asterisk", values, ports)}
        files = {**base, **{file.name: file.text for file in render(kind, values, ports, ports)}}
        # Certificates are put where the template says once the folder is there; the reload finds them.
        text = PJSIP
        for name, value in (("PBX", PBX), ("SIP", self.sip), ("PHONE", self.phone), ("NETWORK", NETWORK)):
            text = text.replace(f"@{name}@", str(value))
        start = random.randrange(34000, 35000, 2)
        keys = tmp / "keys"
        keys.mkdir(exist_ok=True)
        # On loopback Asterisk would send from 127.0.0.1 what its SDP says comes from here, and we take no such audio.
        bound = f"direct_media=no\nmedia_address={PBX}\nbind_rtp_to_media_address=yes\n"
        pjsip = files["pjsip.conf"].replace("direct_media=no\n", bound)
        if tls is not None:
            pair = tls.sign("asterisk", host=PBX)
            inside = asterisk_root() / "tests" / f"keys-{self.sip}"
            inside.mkdir(parents=True)
            self.keys = inside
            for name, path in (("asterisk.crt", pair.certificate), ("asterisk.key", pair.key)):
                (inside / name).write_bytes(path.read_bytes())
            (inside / "ca.crt").write_bytes(tls.own.certificate.read_bytes())
            pjsip = pjsip.replace("/etc/asterisk/keys", f"/tests/{inside.name}")
        super().__init__(
            tmp,
            {
                "pjsip.conf": text + pjsip,
                "extensions.conf": files["extensions.conf"] + DIALPLAN,
                "rtp.conf": f"[general]\nrtpstart = {start}\nrtpend = {start + 40}\n",
                "logger.conf": "[logfiles]\nconsole = warning,error,notice\n",
            },
        )

    def end(self, timeout: float = 15.0) -> int:
        code = super().end(timeout)
        for path in (*getattr(self, "keys", Path("/nonexistent")).glob("*"),):
            path.unlink()
        if hasattr(self, "keys"):
            self.keys.rmdir()
        return code


async def reached(listener: Listener, pbx: Pbx, endpoint: str) -> None:
    """Wait until Asterisk knows that we are there: it asked for the last time before we were."""
    pbx.command(f"pjsip qualify {endpoint}")
    await listener.until(lambda: "Avail" in pbx.command("pjsip show contacts"), 40, "OPTIONS is answered")


def both(tmp: Path) -> tuple[dict[str, audio.Pcm], dict[str, Path]]:
    said = {"customer": audio.bursts(61, 4.0), "agent": audio.bursts(62, 4.0)}
    return said, {party: audio.write_ulaw(tmp / f"{party}.ulaw", pcm) for party, pcm in said.items()}


async def heard_apart(listener: Listener, call_id: str, said: dict[str, audio.Pcm]) -> None:
    await listener.until(lambda: listener.ended(call_id), what="both legs")
    for party, other in (("customer", "agent"), ("agent", "customer")):
        heard = listener.pcm(call_id, party)  # type: ignore[arg-type]
        # Asterisk's own clock adds its share of loss where the machine is busy.
        assert audio.share_heard(heard, said[party]) >= audio.HEARD / 2
        assert max(audio.windows_found(heard, said[other])[0]) < 0.5


async def test_apuntador_registers_with_asterisk_and_sends_calls_back_to_it(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    need("sipp")
    pbx = Pbx(tmp_path, "asterisk_register", ports=(1,))
    processes.append(pbx)
    (tmp_path / "secret").write_text(PASSWORD)
    phone_port = sip_port()
    gateway = Gateway(
        tmp_path,
        tmp_path,
        routing=f'[[trunk]]\nname = "pbx"\nallow = ["{PBX}/32"]\nagent = "ana"\nhost = "{PBX}:{pbx.sip}"\n'
        f'user = "{USER}"\nsecret = "file:{tmp_path / "secret"}"\nregistration = true\nidentity = "pai"\n'
        'outbound = { allow = ["6xx"] }\n'
        f'[[trunk]]\nname = "carrier"\nallow = ["{CARRIER}/32"]\nlanguage = "en"\n'
        '[[route]]\ntrunk = ["carrier"]\nnumber = "555"\nstrip = 3\nto = ["trunk:pbx"]\ndirection = "inbound"\n'
        'queue = "ventas"\nagent = "ana"\n'
        f'[[agent]]\nid = "ana"\nsip = "sip:ana@{HOST}:{phone_port}"\n',
    )
    processes.append(gateway)
    gateway.wait_ready()
    wait_for(lambda: bool(gateway.lines("gateway.registration")), 30, "the registration")
    assert gateway.lines("gateway.registration")[0]["state"] == "registered"
    contact = f"sip:{USER}@{HOST}:{gateway.port}"
    await listener.until(lambda: contact in pbx.command("pjsip show contacts"), 20, "a contact")
    await reached(listener, pbx, USER)

    # A customer reaches Asterisk, which sends the call to whom has registered.
    said, files = both(tmp_path)
    phone = Sipp(tmp_path, agent(tmp_path, PLAY=play(files["agent"])), port=phone_port)
    path = caller(tmp_path, PLAY=play(files["customer"]), TALK_MS=5000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=pbx.sip, host=NETWORK, to_host=PBX, more=("-s", "901"))
    processes += [phone, customer]
    await asyncio.to_thread(customer.check, 40)
    await asyncio.to_thread(phone.check, 20)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    started = listener.last(CallStarted)
    assert (started.trunk, started.callee, started.direction) == ("pbx", "900", "inbound")
    await heard_apart(listener, started.call_id, said)

    # A customer reaches Apuntador, which sends the call back to a queue of Asterisk's: it asks for the password.
    extension = Sipp(tmp_path, agent(tmp_path, PLAY=play(files["agent"])), port=pbx.phone)
    path = caller(tmp_path, PLAY=play(files["customer"]), TALK_MS=5000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port, host=CARRIER, more=("-s", "555600"))
    processes += [extension, customer]
    await asyncio.to_thread(customer.check, 40)
    await asyncio.to_thread(extension.check, 20)
    await listener.until(lambda: listener.kinds().count("CallEnded") == 2, what="the second end")
    started = listener.last(CallStarted)
    assert (started.trunk, started.direction) == ("carrier", "inbound")
    assert (started.queue, started.agent_id) == ("ventas", "ana")
    assert listener.last(CallEnded).reason == "customer_hangup"
    await heard_apart(listener, started.call_id, said)
    assert PASSWORD not in gateway.text()
    # The extension sees the customer's number, which came to Asterisk in P-Asserted-Identity.
    seen = extension.messages()
    assert "+573001234567@" in next(line for line in seen.splitlines() if line.startswith("From:"))


async def test_a_trunk_by_tls_with_encrypted_audio(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    need("sipp")
    need("openssl")
    authority = TestAuthority(tmp_path)
    tls_port, phone_port = sip_port(), sip_port()
    pbx = Pbx(tmp_path, "asterisk_tls", ports=(tls_port,), tls=authority)
    processes.append(pbx)
    pair = authority.sign("gateway")
    gateway = Gateway(
        tmp_path,
        tmp_path,
        routing=f'[gateway.tls]\nport = {tls_port}\ncertificate = "{pair.certificate}"\nkey = "{pair.key}"\n'
        f'ca = "{authority.own.certificate}"\nverify_client = true\n'
        f'[[trunk]]\nname = "pbx"\nallow = ["{PBX}/32"]\nagent = "ana"\nhost = "{PBX}:{pbx.tls}"\ntransport = "tls"\n'
        'srtp = "required"\noutbound = { allow = ["6xx"] }\n'
        f'[[trunk]]\nname = "carrier"\nallow = ["{CARRIER}/32"]\n'
        '[[route]]\ntrunk = ["carrier"]\nto = ["trunk:pbx"]\n'
        f'[[agent]]\nid = "ana"\nsip = "sip:ana@{HOST}:{phone_port}"\n',
    )
    processes.append(gateway)
    gateway.wait_ready()
    await reached(listener, pbx, "apuntador0")
    said, files = both(tmp_path)
    phone = Sipp(tmp_path, agent(tmp_path, PLAY=play(files["agent"])), port=phone_port)
    path = caller(tmp_path, PLAY=play(files["customer"]), TALK_MS=5000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=pbx.sip, host=NETWORK, to_host=PBX, more=("-s", "901"))
    processes += [phone, customer]
    await asyncio.to_thread(customer.check, 40)
    await asyncio.to_thread(phone.check, 20)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    started = listener.last(CallStarted)
    assert started.trunk == "pbx"
    await heard_apart(listener, started.call_id, said)

    # And the other way: our own INVITE by TLS, our own offer of keys.
    extension = Sipp(tmp_path, agent(tmp_path, PLAY=play(files["customer"])), port=pbx.phone)
    path = caller(tmp_path, PLAY=play(files["agent"]), TALK_MS=5000)
    dialler = Sipp(tmp_path, path, port=sip_port(), to=gateway.port, host=CARRIER, more=("-s", "600"))
    processes += [extension, dialler]
    await asyncio.to_thread(dialler.check, 40)
    await asyncio.to_thread(extension.check, 20)
    await listener.until(lambda: listener.kinds().count("CallEnded") == 2, what="the second end")
    started = listener.last(CallStarted)
    assert (started.direction, started.callee) == ("outbound", "600")
    await heard_apart(listener, started.call_id, said)
