"""What PBXs and phones do within a dialog: one scenario for each behaviour. docs/sip.md has the table."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from assist.config import Trunk
from gateway import identity
from gateway.message import Head
from tests.interop import audio, steps
from tests.interop.conftest import need
from tests.interop.rig import Gateway, Process, Sipp, agent, wait_for
from tests.interop.rtp import RtpEnd
from tests.interop.steps import CALLER, PHONE, sdp
from tests.ports import sip_port
from tests.support import running_broker

pytestmark = pytest.mark.interop

DATA = Path(__file__).parents[1] / "data" / "sip"
BYE = steps.request(CALLER, "BYE", 9) + steps.get(200)
GOODBYE = steps.get("BYE") + steps.response(200)


class Desk:
    """One worker for all of these tests, and scenarios for its two sides."""

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.worker = Gateway(tmp, tmp)
        self.running: list[Process] = []

    def _path(self, text: str) -> Path:
        path = self.tmp / f"{random.getrandbits(40):x}.xml"
        path.write_text(text)
        return path

    def phone(self, *wanted: str) -> Sipp:
        """The agent's phone; without steps one that answers and waits for the BYE."""
        path = self._path(steps.script(*wanted)) if wanted else agent(self.tmp)
        return self._start(Sipp(self.tmp, path, port=self.worker.agent_port))

    def caller(self, *wanted: str) -> Sipp:
        return self._start(Sipp(self.tmp, self._path(steps.script(*wanted)), port=sip_port(), to=self.worker.port))

    def _start(self, one: Sipp) -> Sipp:
        self.running.append(one)
        return one

    def end(self) -> None:
        """Whatever the last test left."""
        for one in reversed(self.running):
            one.end()
        self.running.clear()


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    need("sipp")
    tmp = tmp_path_factory.mktemp("dialogs")
    with running_broker(tmp) as real:
        real.address.save(tmp / "run" / "nats.json")
        made = Desk(tmp)
        try:
            made.worker.wait_ready()
            yield made
        finally:
            made.end()
            made.worker.end()


@pytest.fixture
def desk(desks: Desk) -> Iterator[Desk]:
    yield desks
    desks.end()


def check(*ones: Sipp) -> None:
    for one in ones:
        one.check(30)


OFFER = sdp("[rtpstream_audio_port]", version=1)
ANSWER = sdp("[rtpstream_audio_port]", version=1)


def test_a_late_offer(desk: Desk, ends: dict[str, RtpEnd]) -> None:
    """RFC 3261, 13.2.1: no SDP in the INVITE; ours is in the 200, the caller's in the ACK."""
    phone = desk.phone(
        steps.called(), steps.rung(), steps.picked_up(body=sdp(ends["agent"].port)), steps.get("ACK"), GOODBYE
    )
    customer = desk.caller(
        steps.invite(),
        steps.answered("m=audio [1-9]"),
        steps.acknowledge(body=sdp(ends["customer"].port)),
        steps.pause(2500),
        BYE,
    )
    check(customer, phone)
    assert audio.share_heard(ends["agent"].pcm(), audio.bursts(11, 6.0)[: 2 * audio.RATE]) >= audio.HEARD
    assert audio.share_heard(ends["customer"].pcm(), audio.bursts(12, 6.0)[: 2 * audio.RATE]) >= audio.HEARD


def test_a_late_offer_that_nobody_answers_ends_the_call(desk: Desk) -> None:
    phone = desk.phone()
    customer = desk.caller(steps.invite(), steps.answered("m=audio [1-9]"), steps.acknowledge(), GOODBYE)
    check(customer, phone)


def test_a_reinvite_without_an_offer(desk: Desk) -> None:
    """What some SBCs do to learn our capabilities: the offer is in our 200 (RFC 3261, 14.2)."""
    phone = desk.phone()
    customer = desk.caller(
        steps.invite(body=OFFER),
        steps.answered(),
        steps.acknowledge(),
        steps.request(CALLER, "INVITE", 2),
        steps.answered("m=audio [1-9]"),
        steps.acknowledge(2, body=sdp("[rtpstream_audio_port]")),
        BYE,
    )
    check(customer, phone)


@pytest.mark.parametrize("after_180", [False, True])
def test_early_media(desk: Desk, ends: dict[str, RtpEnd], after_180: bool) -> None:
    """RFC 3960: what the agent's side plays before it answers reaches the caller; nothing of it is forked."""
    early = steps.rung(code=183, body=sdp(ends["agent"].port, version=1))
    phone = desk.phone(
        steps.called(),
        steps.rung() if after_180 else "",
        early,
        steps.pause(2000),
        steps.picked_up(body=sdp(ends["agent"].port, version=1)),
        steps.get("ACK"),
        GOODBYE,
    )
    customer = desk.caller(
        steps.invite(body=sdp(ends["customer"].port, version=1)),
        steps.get(100, optional=True),
        steps.get(180) if after_180 else "",
        steps.get(183, "m=audio [1-9]"),
        steps.get(200).replace('"200"', '"200" rrs="true"'),
        steps.acknowledge(),
        BYE,
    )
    check(customer, phone)
    assert audio.share_heard(ends["customer"].pcm(), audio.bursts(12, 6.0)[: int(1.5 * audio.RATE)]) >= audio.HEARD
    # The call was up for a moment only: what was heard before is in no transcript.


@pytest.mark.parametrize(
    ("field", "host"), [("sendonly", "[local_ip]"), ("inactive", "[local_ip]"), ("sendrecv", "0.0.0.0")]
)
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_hold_and_resume_from_either_method(desk: Desk, method: str, field: str, host: str) -> None:
    """RFC 3264, 8.4 and the older RFC 2543 way; by re-INVITE or by UPDATE (RFC 3311)."""
    phone = desk.phone()
    port = "[rtpstream_audio_port]"
    reply = {"sendonly": "a=recvonly", "inactive": "a=inactive"}.get(field, "m=audio")

    def ask(number: int, body: str, pattern: str) -> str:
        ack = steps.acknowledge(number) if method == "INVITE" else ""
        return steps.request(CALLER, method, number, body=body) + steps.answered(pattern) + ack

    customer = desk.caller(
        steps.invite(body=OFFER),
        steps.answered(),
        steps.acknowledge(),
        ask(2, sdp(port, direction=field, host=host, version=2), reply),
        ask(3, sdp(port, version=3), "a=sendrecv"),
        BYE,
    )
    check(customer, phone)


def test_a_reinvite_may_change_the_codec(desk: Desk, ends: dict[str, RtpEnd]) -> None:
    phone = desk.phone(
        steps.called(), steps.rung(), steps.picked_up(body=sdp(ends["agent"].port)), steps.get("ACK"), GOODBYE
    )
    port = ends["customer"].port
    customer = desk.caller(
        steps.invite(body=sdp(port, version=1)),
        steps.answered("RTP/AVP 0"),
        steps.acknowledge(),
        steps.pause(300),
        steps.request(CALLER, "INVITE", 2, body=sdp(port, version=2, formats="8 101")),
        steps.answered("RTP/AVP 8"),
        steps.acknowledge(2),
        steps.pause(700),
        BYE,
    )
    check(customer, phone)
    kinds = [packet.payload_type for packet in ends["customer"].packets if packet.payload_type in (0, 8)]
    assert kinds[0] == 0
    assert kinds[-1] == 8


def test_session_timer_as_the_called_side(desk: Desk) -> None:
    """RFC 4028: the caller refreshes, we agree; too short an interval gets 422 with ours."""
    started = len(desk.worker.lines("gateway.call_started"))
    check(
        desk.caller(
            steps.invite("Supported: timer", "Session-Expires: 60", body=OFFER), steps.refused(422, "Min-SE: *90")
        )
    )
    assert len(desk.worker.lines("gateway.call_started")) == started
    phone = desk.phone()
    customer = desk.caller(
        steps.invite("Supported: timer", "Session-Expires: 1800;refresher=uac", body=OFFER),
        steps.answered("Session-Expires: *1800;refresher=uac"),
        steps.acknowledge(),
        steps.request(CALLER, "UPDATE", 2, "Supported: timer", "Session-Expires: 1800;refresher=uac"),
        steps.get(200, "Session-Expires: *1800;refresher=uac"),
        BYE,
    )
    check(customer, phone)


def test_session_timer_as_the_calling_side(desk: Desk) -> None:
    """The agent's phone finds our interval too short: we ask again with its own."""
    phone = desk.phone(
        steps.called("Session-Expires: *1800"),
        steps.rung("Min-SE: 2400", code=422),
        steps.get("ACK"),
        steps.called("Session-Expires: *2400"),
        steps.rung(),
        steps.picked_up("Supported: timer", "Session-Expires: 2400;refresher=uas", body=ANSWER),
        steps.get("ACK"),
        GOODBYE,
    )
    customer = desk.caller(steps.invite(body=OFFER), steps.answered(), steps.acknowledge(), BYE)
    check(customer, phone)


def test_a_caller_that_requires_prack_gets_it(desk: Desk) -> None:
    """RFC 3262."""
    phone = desk.phone()
    prack = steps.request(CALLER, "PRACK", 2, "RAck: [$2] 1 INVITE")
    ringing = (
        '<recv response="180" rrs="true"><action><ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" '
        'check_it="true" assign_to="2"/></action></recv>\n'
    )
    customer = desk.caller(
        steps.invite("Require: 100rel", body=OFFER),
        steps.get(100, optional=True),
        ringing,
        prack,
        steps.get(200, "CSeq: 2 PRACK"),
        steps.get(200, "CSeq: 1 INVITE").replace('"200"', '"200" rrs="true"'),
        steps.acknowledge(),
        BYE,
    )
    check(customer, phone)


def test_a_phone_that_requires_prack_gets_it_and_may_update_early(desk: Desk) -> None:
    """RFC 3262 and RFC 3311: the answer is in a reliable 183; an UPDATE changes it before the 200."""
    update = steps.request(PHONE, "UPDATE", 1, body=sdp("[rtpstream_audio_port]", version=2, formats="8 101"))
    phone = desk.phone(
        steps.called("100rel"),
        steps.rung("Require: 100rel", "RSeq: 7", code=183, body=ANSWER),
        steps.get("PRACK", "RAck: 7 [0-9]+ INVITE"),
        steps.response(200),
        update,
        steps.get(200, "RTP/AVP 8"),
        steps.picked_up(body=ANSWER),
        steps.get("ACK"),
        GOODBYE,
    )
    customer = desk.caller(
        steps.invite(body=OFFER),
        steps.get(100, optional=True),
        steps.get(180, optional=True),
        steps.get(183, "m=audio"),
        steps.answered(),
        steps.acknowledge(),
        BYE,
    )
    check(customer, phone)


def test_a_200_that_crosses_the_cancel_is_ended(desk: Desk) -> None:
    """RFC 3261, 9.1: the phone had answered already; it gets ACK and BYE, the caller 487."""
    phone = desk.phone(
        steps.called(),
        steps.rung(),
        steps.get("CANCEL"),
        steps.response(200),
        steps.picked_up(body=ANSWER),
        steps.get("ACK"),
        GOODBYE,
    )
    path = DATA / "uac_cancel.xml"
    text = path.read_text().replace("@BODY@", "Content-Type: application/sdp\nContent-Length: [len]\n\n" + OFFER)
    customer = Sipp(desk.tmp, desk._path(text), port=sip_port(), to=desk.worker.port)
    desk.running.append(customer)
    check(customer, phone)


def test_hops_are_counted_and_end(desk: Desk) -> None:
    """RFC 7332, 5: one less on the way out; with none left 483."""
    phone = desk.phone(
        steps.called("Max-Forwards: 9[^0-9]"), steps.rung(), steps.picked_up(body=ANSWER), steps.get("ACK"), GOODBYE
    )
    customer = desk.caller(steps.invite(body=OFFER, hops=10), steps.answered(), steps.acknowledge(), BYE)
    check(customer, phone)
    check(desk.caller(steps.invite(body=OFFER, hops=0), steps.refused(483)))


def test_a_call_that_comes_round_again_is_a_loop(desk: Desk) -> None:
    seen = f"{identity.SEEN}: "
    phone = desk.phone(steps.called(seen), steps.rung(), steps.picked_up(body=ANSWER), steps.get("ACK"), GOODBYE)
    customer = desk.caller(steps.invite(body=OFFER), steps.answered(), steps.acknowledge(), BYE)
    check(customer, phone)
    first = Head("INVITE sip:900@x SIP/2.0\r\nFrom: <sip:+573001234567@x>\r\n\r\n")
    ((_, mark), *_) = identity.handed_on(first, Trunk(name="pbx", agent="ana"))
    check(desk.caller(steps.invite(f"{seen}{mark}", body=OFFER), steps.refused(482)))


def test_identity_and_chosen_headers_reach_the_phone(desk: Desk) -> None:
    """RFC 3325 and RFC 7433."""
    phone = desk.phone(
        steps.called(
            "P-Asserted-Identity: &lt;sip:\\+5715550@pbx&gt;",
            "Privacy: id",
            "X-Cliente: 77",
            "User-to-User: 0123;encoding=hex",
        ),
        steps.rung(),
        steps.picked_up(body=ANSWER),
        steps.get("ACK"),
        GOODBYE,
    )
    fields = (
        "P-Asserted-Identity: <sip:+5715550@pbx>",
        "Privacy: id",
        "X-Cliente: 77",
        "User-to-User: 0123;encoding=hex",
    )
    customer = desk.caller(steps.invite(*fields, body=OFFER), steps.answered(), steps.acknowledge(), BYE)
    check(customer, phone)


def test_digits_by_info_become_telephone_events(desk: Desk, ends: dict[str, RtpEnd]) -> None:
    """A phone that sends INFO (application/dtmf-relay): the caller's side gets RFC 4733; never logged."""
    info = steps.request(PHONE, "INFO", 1, body="Signal=7\nDuration=160\n", kind="application/dtmf-relay")
    phone = desk.phone(
        steps.called(),
        steps.rung(),
        steps.picked_up(body=sdp(ends["agent"].port)),
        steps.get("ACK"),
        steps.pause(500),
        info,
        steps.get(200),
        GOODBYE,
    )
    customer = desk.caller(
        steps.invite(body=sdp(ends["customer"].port)), steps.answered(), steps.acknowledge(), steps.pause(1500), BYE
    )
    check(customer, phone)
    assert {p.payload[0] for p in ends["customer"].packets if p.payload_type == 101} == {7}
    assert '"7"' not in desk.worker.err.read_text()


def test_digits_go_by_info_where_there_are_no_telephone_events(desk: Desk, ends: dict[str, RtpEnd]) -> None:
    body = sdp("[rtpstream_audio_port]", formats="0").replace(
        "a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n", ""
    )
    phone = desk.phone(
        steps.called(),
        steps.rung(),
        steps.picked_up(body=body),
        steps.get("ACK"),
        steps.get("INFO", "Signal= *5"),
        steps.response(200),
        GOODBYE,
    )
    customer = desk.caller(
        steps.invite(body=sdp(ends["customer"].port)), steps.answered(), steps.acknowledge(), steps.pause(2000), BYE
    )
    wait_for(lambda: len(ends["customer"].packets) > 10, 20, "audio at the customer's end")
    ends["customer"].send_digit("5")
    check(customer, phone)


def test_offers_that_cross_are_both_refused(desk: Desk) -> None:
    """RFC 3261, 14.1: 491 to the one that comes while ours is open; a 491 to ours costs the call nothing.

    The phone's answer names two codecs, so we settle on one by a re-INVITE of our own (RFC 3264, 10.2).
    """
    two = sdp("[rtpstream_audio_port]", version=1, formats="0 8 101")
    ack = steps.refused(491).replace(CALLER["from"], PHONE["from"]).replace("[service]@[remote_ip]:[remote_port]", "x")
    phone = desk.phone(
        steps.called(),
        steps.rung(),
        steps.picked_up(body=two),
        steps.get("ACK"),
        steps.called("RTP/AVP [08] 1"),
        steps.request(PHONE, "INVITE", 1, body=sdp("[rtpstream_audio_port]", version=2)),
        ack,
        steps.answer_again(491),
        steps.get("ACK"),
        GOODBYE,
    )
    customer = desk.caller(steps.invite(body=OFFER), steps.answered(), steps.acknowledge(), steps.pause(500), BYE)
    check(customer, phone)


@pytest.mark.skipif(not os.environ.get("APUNTADOR_TEST_SLOW"), reason="takes 50 s; APUNTADOR_TEST_SLOW=1 runs it")
def test_session_timer_refreshed_by_us(desk: Desk, ends: dict[str, RtpEnd]) -> None:
    """RFC 4028, 10: as the refresher on both legs we refresh after half of the interval."""
    refresh = steps.get("UPDATE", "Session-Expires: *90")
    phone = desk.phone(
        steps.called(),
        steps.rung(),
        steps.picked_up("Supported: timer", "Allow: INVITE, ACK, BYE, CANCEL, UPDATE", body=sdp(ends["agent"].port)),
        steps.get("ACK"),
        GOODBYE,
    )
    customer = desk.caller(
        steps.invite(
            "Supported: timer",
            "Allow: INVITE, ACK, BYE, CANCEL, UPDATE",
            "Session-Expires: 90;refresher=uas",
            body=sdp(ends["customer"].port),
        ),
        steps.answered("Session-Expires: *90;refresher=uas").replace(
            "</action>", '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="3"/></action>'
        ),
        steps.acknowledge(),
        refresh,
        steps.response(200, "Require: timer", "Session-Expires: 90;refresher=uac", contact="caller"),
        steps.pause(500),
        # Since the UPDATE sipp's last To is its own.
        steps.request({**CALLER, "to": "To:[$3]"}, "BYE", 9),
        steps.get(200),
    )
    customer.check(70)
    phone.check()
