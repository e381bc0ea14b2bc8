"""A Kamailio with rtpengine, configured by our template, records its calls to us: rtpengine sends both voices."""

import asyncio
from pathlib import Path

import pytest

from assist.events import CallEnded, CallStarted
from sip_config.render import render
from tests.interop import audio
from tests.interop.conftest import Listener, need
from tests.interop.edge import Edge
from tests.interop.rig import HOST, Process, Sipp, agent, caller, play, wait_for
from tests.interop.rtpengine import Rtpengine
from tests.ports import is_bound, sip_port

pytestmark = pytest.mark.interop
HTTP_CLIENT = list(Path("/usr/lib").glob("*/kamailio/modules/http_client.so"))


@pytest.fixture
def rtpengine(tmp_path: Path, processes: list[Process]) -> Rtpengine:
    need("rtpengine")
    engine = Rtpengine(tmp_path)
    processes.append(engine)
    return engine


async def test_the_rendered_kamailio_records_its_calls(
    tmp_path: Path, listener: Listener, rtpengine: Rtpengine, processes: list[Process]
) -> None:
    need("kamailio")
    if not HTTP_CLIENT:
        pytest.skip("Kamailio's http_client is missing; install the Debian package kamailio-utils-modules")
    edge = await Edge(tmp_path, tmp_path).start()
    port, pbx = sip_port(), sip_port()
    [file] = render("kamailio_rtpengine", {"ADDRESS": HOST, "PORT": str(edge.port)}, [])
    text = file.text.replace("!10.0.0.5!", f"!{HOST}!").replace("!MY_PORT!5060!", f"!MY_PORT!{port}!")
    text = text.replace("sip:10.0.0.6:5060", f"sip:{HOST}:{pbx}").replace("127.0.0.1:2223", f"{HOST}:{rtpengine.ng}")
    (tmp_path / "own.cfg").write_text(text.replace("127.0.0.1:2226", f"{HOST}:{rtpengine.http}"))
    argv = ["kamailio", "-f", str(tmp_path / "own.cfg"), "-DD", "-E", "-Y", str(tmp_path)]
    own = Process(argv, tmp_path / "kamailio-own")
    processes.append(own)
    try:
        wait_for(lambda: is_bound(port), 15, "Kamailio listens")
        said = {"customer": audio.bursts(51, 4.0), "agent": audio.bursts(52, 4.0)}
        files = {party: audio.write_ulaw(tmp_path / f"{party}.ulaw", pcm) for party, pcm in said.items()}
        phone = Sipp(tmp_path, agent(tmp_path, PLAY=play(files["agent"])), port=pbx)
        path = caller(tmp_path, PLAY=play(files["customer"]), TALK_MS=6000)
        customer = Sipp(tmp_path, path, port=sip_port(), to=port, more=("-s", "ana"))
        processes.extend([phone, customer])
        await asyncio.to_thread(customer.check)
        await asyncio.to_thread(phone.check)
        await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
        started, ended = listener.last(CallStarted), listener.last(CallEnded)
        assert (started.caller, started.callee, started.agent_id) == ("+573001234567", "ana", "ana")
        assert (ended.reason, ended.answered) == ("ended", True)
        await listener.until(lambda: listener.ended(started.call_id), what="both legs")
        for party, other in (("customer", "agent"), ("agent", "customer")):
            heard = listener.pcm(started.call_id, party)  # type: ignore[arg-type]
            assert audio.share_heard(heard, said[party]) > 0.5
            assert max(audio.windows_found(heard, said[other])[0]) < 0.5
    finally:
        await edge.stop()
