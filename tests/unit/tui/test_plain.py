import io
from collections.abc import Sequence

import pytest

from assist.events import Degraded, Event, Language
from tests.fakes import scripted_call
from tests.fakes.scripted_call import CALL, START
from tui.frames import Incoming, Link, Refused, Snapshot, Synced
from tui.plain import PlainScreen


def printed(events: Sequence[Event], language: Language = "es", **options: bool) -> list[str]:
    out = io.StringIO()
    screen = PlainScreen(language, out, **options)  # type: ignore[arg-type]
    for event in events:
        screen.receive(Incoming(event))
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "es",
            [
                "[00:00] LLAMADA +57 300 555 0188 cola facturación",
                "[00:06] CONTESTADA",
                "[00:06] CUMPLIMIENTO ○ Aviso de grabación",
                "[00:26] ÁNIMO Cliente: − negativo, empeora",
                "[00:45] CUMPLIMIENTO ! Validar identidad",
                "[00:46] DATO Folio 451 02",
                "[00:46] DATO $89.900",
            ],
        ),
        (
            "en",
            [
                "[00:00] CALL +57 300 555 0188 queue cards",
                "[00:06] ANSWERED",
                "[00:46] TOLD Claim number 518 360",
                "[00:26] MOOD Customer: − negative, worsening",
                "[01:31] SUMMARY Amount: 240 and 95 dollars.",
                "[01:32] CASE AP-2026-000123",
            ],
        ),
    ],
)
def test_lines(language: Language, expected: list[str]) -> None:
    lines = printed(scripted_call.after_call(language), language)
    assert [line for line in expected if line not in lines] == []
    assert sum(" ~ " in line for line in lines) == 1
    assert not any("••••" in line for line in lines)


def test_a_line_is_a_line_whatever_is_in_it() -> None:
    lines = printed([scripted_call.heard("agent", 1, "uno\ndos\r\ntres")])
    assert len(lines) == 1
    assert lines[0].endswith("Asesor: uno dos tres")


def test_a_snapshot_of_a_live_call_is_printed_and_of_an_ended_one_not() -> None:
    out = io.StringIO()
    screen = PlainScreen("es", out)
    live = tuple(event for event in scripted_call.mid_call("es") if event.seq)
    screen.receive(Snapshot("old", 99, tuple(scripted_call.after_call("es"))))
    assert out.getvalue() == ""
    screen.receive(Snapshot(CALL, live[-1].seq, live))
    assert "TARJETA" in out.getvalue()
    before = out.getvalue()
    screen.receive(Snapshot(CALL, live[-1].seq, live))
    assert out.getvalue() == before


def test_trouble_is_printed() -> None:
    out = io.StringIO()
    screen = PlainScreen("es", out)
    for frame in (
        Link(up=True),
        Link(up=False),
        Link(up=False),
        Refused("forbidden", "no"),
        Synced(1),
        Incoming(Degraded(call_id="", at=START, component="broker", level="down", detail="")),
        Incoming(Degraded(call_id="", at=START, component="broker", level="ok", detail="")),
        Incoming(Degraded(call_id=CALL, at=START, component="recogniser", level="late", detail="", lag_s=34.0)),
    ):
        screen.receive(frame)
    lines = out.getvalue().splitlines()
    assert [line.split("] ", 1)[1] for line in lines] == [
        "! Sin conexión con Apuntador, reconectando. La llamada sigue.",
        "! No se aceptó: no",
        "! Sin bus de mensajes: la llamada sigue",
        "! Bus de mensajes restablecido",
        "! Transcripción con retraso: 34 s",
    ]
