"""What counts as a promise and which sums are stated: short talks, and what the summary then says is owed and paid.

The calls are on Saturday 21 November 2026.
"""

from typing import TypeAlias

import pytest

from assist.events import Language, Party
from tests.unit.decide.calls import Call, packaged_kit

Lines: TypeAlias = tuple[str, ...]


def summed_up(language: Language, lines: Lines) -> Call:
    """A finished call; a line begins with "a " or "c " for who says it."""
    call = Call(packaged_kit(language))
    call.answer()
    for n, line in enumerate(lines):
        party: Party = "agent" if line.startswith("a ") else "customer"
        call.say(party, line[2:], 5 + 6 * n, length=5)
    call.end(5 + 6 * len(lines))
    return call


def owed(call: Call) -> list[tuple[str, str]]:
    """Who owes something and by which day."""
    return [(item.party, item.due[:10]) for item in call.summary.items if item.slot == "promise"]


@pytest.mark.parametrize(
    ("language", "lines", "expected"),
    [
        # A date alone is no promise: bills, courses, opening hours, rules.
        ("es", ("a La matrícula se cierra el 30 de noviembre.",), []),
        ("es", ("a El taller empieza el lunes 7 de diciembre.",), []),
        ("es", ("a Los sábados atendemos hasta la una.",), []),
        ("es", ("a Los depósitos del domingo se reflejan el lunes.",), []),
        ("es", ("a Puede dejarlo en la tienda hasta el viernes.",), []),
        ("en", ("a The workshop term starts on Monday December 7th.",), []),
        ("en", ("a Payments you make on Sunday go through on Monday.",), []),
        ("en", ("a The first month is free and the second one is half price.",), []),
        ("en", ("a You're on the 20 gig plan at 14 dollars.",), []),
        # A verb of doing with a day is one.
        ("es", ("a El electricista pasa el martes.",), [("agent", "2026-11-24")]),
        ("es", ("a La línea se reconecta en dos horas.",), [("agent", "2026-11-21")]),
        ("es", ("a Se lo dejamos instalado a más tardar el jueves.",), [("agent", "2026-11-26")]),
        ("es", ("a Ya moví la visita para pasado mañana.",), [("agent", "2026-11-23")]),
        ("es", ("a En un máximo de dos días hábiles le responden.",), [("agent", "2026-11-24")]),
        ("en", ("a It ships on Monday.",), [("agent", "2026-11-23")]),
        ("en", ("a The fitter will be there before 11.",), [("agent", "2026-11-21")]),
        ("en", ("a We'll text you when the line is repaired.",), [("agent", "")]),
        # Half a sentence needs the question, or the day the customer has just chosen.
        ("es", ("c ¿y eso cuánto tarda?", "a unas tres horas"), [("agent", "2026-11-21")]),
        ("es", ("c ¿hasta cuándo puedo pagar?", "a hasta el martes"), []),
        ("es", ("c mejor el miércoles", "a listo, el miércoles entonces"), [("agent", "2026-11-25")]),
        ("en", ("c Tuesday's better for me", "a okay, Tuesday then"), [("agent", "2026-11-24")]),
        ("en", ("c when is the bill due?", "a the 4th of December"), []),
        # What the customer takes over is theirs, with the month that was told before.
        (
            "es",
            ("a La cuota vence el 9 de enero.", "c ah, yo la pago el 9 sin falta"),
            [("customer", "2027-01-09")],
        ),
        (
            "en",
            ("c when's the first one?", "a the 9th of January", "c fine, I'll pay it on the 9th"),
            [("customer", "2027-01-09")],
        ),
        ("es", ("a El vencimiento lo tiene el 5.", "c ¿y el nuevo vencimiento?", "a se lo pasé para el 14"), []),
        # A day that does not suit is owed by nobody, whether another is found or not.
        (
            "en",
            (
                "a The engineer will be with you on Tuesday.",
                "c Tuesday's no good for me",
                "a then I'll leave it with you",
            ),
            [],
        ),
        (
            "en",
            ("a We'll deliver it on Wednesday.", "c I'm away that day", "a let me see what else there is"),
            [],
        ),
        ("en", ("c Tuesday won't work and Thursday's tight", "a right, Tuesday then, sorry, no"), []),
        (
            "en",
            (
                "a He'll be there on Tuesday.",
                "c could you make it Thursday instead",
                "a okay, Thursday it is, he'll be there",
            ),
            [("agent", "2026-11-26")],
        ),
        (
            "en",
            ("a He'll be there on Tuesday.", "c no problem, Tuesday's fine", "a lovely"),
            [("agent", "2026-11-24")],
        ),
        (
            "en",
            ("a It'll be ready by Friday.", "c I work late Friday, are you open Saturday?", "a we open at nine"),
            [("agent", "2026-11-27")],
        ),
        ("es", ("a El técnico pasa el martes.", "c uy, ese día no estoy", "a entiendo, lo reviso"), []),
        ("es", ("a Se lo entregamos el miércoles.", "c el miércoles no puedo", "a ya veo"), []),
        (
            "es",
            ("a El técnico pasa el martes.", "c mejor el jueves", "a listo, pasa el jueves"),
            [("agent", "2026-11-26")],
        ),
        (
            "es",
            ("a El técnico pasa el martes.", "c no hay problema, el martes está bien", "a perfecto"),
            [("agent", "2026-11-24")],
        ),
        # How long something goes on.
        ("en", ("c can I stay until Wednesday?", "a sure, I've extended it to Wednesday", "c great"), []),
        ("es", ("c ¿me puedo quedar hasta el miércoles?", "a claro, ya le extendí la estadía hasta el miércoles"), []),
        # Replaced after an objection; said twice.
        (
            "es",
            (
                "a Se lo mandamos el lunes.",
                "c no, el lunes no estoy, el martes sí",
                "a perfecto, el martes por la tarde",
            ),
            [("agent", "2026-11-24")],
        ),
        (
            "en",
            ("a The fitter comes on Thursday.", "c Thursday, right?", "a that's right, Thursday."),
            [("agent", "2026-11-26")],
        ),
    ],
)
def test_owed(language: Language, lines: Lines, expected: list[tuple[str, str]]) -> None:
    assert owed(summed_up(language, lines)) == expected


@pytest.mark.parametrize(
    ("language", "lines", "expected"),
    [
        ("es", ("a Su factura es de 400 pesos.", "c ajá"), ["400 pesos"]),
        (
            "es",
            ("a Sale en 500 pesos.", "c en el folleto dice 450", "a cierto, se la dejo en 450 pesos"),
            ["450 pesos"],
        ),
        ("es", ("a El seguro son 30 pesos al mes. ¿Se lo agrego?", "c no, gracias"), []),
        ("es", ("a Normalmente son 300 pesos pero te lo bonifiqué.", "c genial"), []),
        ("es", ("a Te hice una bonificación de 300 pesos.", "c genial"), ["300 pesos"]),
        ("es", ("a Le queda en 700 pesos, ay no, perdón, en 750 pesos.", "c ajá"), ["750 pesos"]),
        ("en", ("a That's 70 dollars, sorry, I mean 75 dollars.", "c okay"), ["75 dollars"]),
        ("en", ("a It's 40 dollars. Would you like me to add it?", "c no thanks"), []),
        ("en", ("a I've waived the fee, that was 40 dollars.", "c oh great"), []),
        ("en", ("a The total is 15 dollars.", "c when do I pay it?", "a on the 15th"), ["15 dollars"]),
        ("en", ("a The cover is 12 dollars a month. Shall I add it?", "c nah, I'm okay without"), []),
        ("en", ("a That would be 40 dollars with the case, okay?", "c nope, just the phone"), []),
        ("en", ("a That's 40 dollars with the case, all right?", "c no problem, go ahead"), ["40 dollars"]),
        ("es", ("a Le quedaría en 300 pesos con la funda, ¿le parece?", "c nel, así está bien"), []),
    ],
)
def test_sums(language: Language, lines: Lines, expected: list[str]) -> None:
    assert summed_up(language, lines).slot("amount") == expected


@pytest.mark.parametrize(
    ("language", "lines", "expected"),
    [
        ("es", ("a Su número de solicitud es A 4 0 0 7 1.",), ["Solicitud A40071"]),
        ("es", ("a Su número de solicitud es, anote, H J 4 0 0 7 1.",), ["Solicitud HJ40071"]),
        ("es", ("a ¿Me da el RUC de la empresa?", "c 20 4 4 7 1 2 3 3 4 5"), []),
        ("es", ("c llamo por mi factura", "a La factura baja de 41 mil a 22.300 pesos."), []),
        ("en", ("a What's your reference?", "c I don't know, the loan is fifteen thousand"), []),
    ],
)
def test_references(language: Language, lines: Lines, expected: list[str]) -> None:
    assert summed_up(language, lines).slot("reference") == expected
