"""The ladder, as it is read."""

import pytest

from assist.control import SipLine
from gateway.show.ladder import NARROWEST, ladder

PBX, PHONE = "10.20.30.40:5060", "192.168.100.200:5060"
DIALOGS = {"a": "customer", "b": "agent"}


def line(at: float, out: bool, dialog: str, cseq: str, first: str, media: str = "") -> SipLine:
    return SipLine(
        at=at,
        outgoing=out,
        transport="UDP",
        peer=PBX if dialog == "a" else PHONE,
        sip_call_id=dialog,
        cseq=cseq,
        first=first,
        head=first,
        media=media,
        body="v=0\ns=-" if media else "",
    )


CALL = [
    line(100.0, False, "a", "1 INVITE", "INVITE sip:900@10.0.0.1 SIP/2.0", "10.20.30.40:4000 PCMA"),
    line(100.003, True, "b", "7 INVITE", "INVITE sip:ana@10.0.0.9 SIP/2.0"),
    line(100.503, True, "b", "7 INVITE", "INVITE sip:ana@10.0.0.9 SIP/2.0"),
    line(103.51, False, "b", "7 INVITE", "SIP/2.0 200 OK"),
    line(103.52, True, "a", "1 INVITE", "SIP/2.0 486 Busy Here"),
    line(190.0, False, "a", "2 BYE", "SIP/2.0 481 Call/Transaction Does Not Exist And More"),
]


def drawn(width: int, **more: bool) -> list[str]:
    return [text.plain for text in ladder(CALL, DIALOGS, width, "en", **more)]  # type: ignore[arg-type]


def test_a_call_of_two_dialogs_at_80_columns() -> None:
    assert drawn(80) == [
        "          10.20.30.40:5060 UDP           Apuntador     192.168.100.200:5060 UDP",
        "    0.000   ├───────── INVITE 900 ──────────▶│                                │",
        "            │     10.20.30.40:4000 PCMA      │                                │",
        "    0.003   │                                ├───────── INVITE ana ──────────▶│",
        "    0.503   │                                ├──────── INVITE ana ↻ ─────────▶│",
        "    3.510   │                                │◀─────────── 200 OK ────────────┤",
        "    3.520   │◀──────── 486 Busy Here ────────┤                                │",
        "   90.000   ├─ 481 Call/Transaction Does… ──▶│                                │",
    ]


@pytest.mark.parametrize("width", [40, NARROWEST, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(text) for text in drawn(width)) <= max(width, NARROWEST)


def test_bodies_stand_below_their_message() -> None:
    assert "            v=0" in drawn(80, bodies=True)
    assert "            v=0" not in drawn(80)


def test_a_recording_has_one_dialog_and_two_lanes() -> None:
    text = [one.plain for one in ladder(CALL[:1], {"a": "customer"}, 80, "en")]
    assert text[1].count("│") + text[1].count("├") == 2


def test_nothing_to_draw_is_said() -> None:
    assert ladder([], {}, 80, "es")[0].plain == "Ningún mensaje SIP."
