"""Finals as people write them: words, numerals and mixtures of both, as the two recognisers give them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assist.events import Language
from assist.text.polish import LONGEST, Polished, polisher, restored
from assist.text.vocabulary import parse_vocabulary
from assist.text.words import CURRENCIES, MONTHS, NUMBERS, REPEATS, SCALES

NAMES = parse_vocabulary("Hogar Plus\nCloudBox = cloud box\n", "test")
POLISHERS = {language: polisher(language, NAMES[language]) for language in ("es", "en")}


def polish(language: Language, raw: str) -> Polished:
    return POLISHERS[language].polish(raw)


def values(language: Language, raw: str) -> list[tuple[str, str]]:
    return [(c.kind, c.value) for c in polish(language, raw).changes if c.kind not in ("case", "punctuation")]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        # Money: only with a currency.
        ("Son ochenta y nueve mil novecientos pesos.", "Son $89.900."),
        ("Son 89.900 pesos.", "Son $89.900."),
        ("Son 89 mil 900 pesos.", "Son $89.900."),
        ("Son $89.900.", "Son $89.900."),
        ("Cuesta mil quinientos.", "Cuesta 1500."),
        ("Cuesta mil quinientos pesos.", "Cuesta $1.500."),
        ("Pagué mil quinientos pesos con cincuenta centavos.", "Pagué $1.500,50."),
        ("Son dos millones de pesos.", "Son $2.000.000."),
        ("Vale un millón doscientos mil pesos.", "Vale $1.200.000."),
        ("Son veinte quetzales.", "Son Q20."),
        ("Son cien soles.", "Son S/ 100."),
        ("Son diez dólares.", "Son US$10."),
        ("Son treinta y un euros.", "Son 31 €."),
        ("Son dos mil colones.", "Son 2.000 colones."),
        ("Cuesta un peso.", "Cuesta un peso."),
        ("Serían cincuenta, sesenta pesos.", "Serían 50, $60."),
        # Numbers to dial.
        ("Es siete cuatro dos ocho quince.", "Es 7428 15."),
        ("Es siete, cuatro, dos, ocho, uno, cinco.", "Es 742815."),
        ("Es 7 4 2.", "Es 742."),
        ("742-815. ¿Y entonces?", "742-815. ¿Y entonces?"),
        ("Es 7, 42815. El dinero llega.", "Es 7, 42815. El dinero llega."),
        ("La cédula es cuarenta y uno, setenta y dos, cero nueve, quince.", "La cédula es 41 72 09 15."),
        ("cuarenta y cinco, doce", "45 12"),
        ("Tres cero cero, cinco cinco cinco, cero uno ocho ocho.", "300 555 0188."),
        ("Trescientos doce cuatrocientos cincuenta y seis setenta y ocho noventa.", "312 456 78 90."),
        ("Es doble cinco tres dos.", "Es 5532."),
        ("Es triple siete uno.", "Es 7771."),
        ("cero dos", "02"),
        ("Es cuatro cinco uno, un momento.", "Es 451, un momento."),
        # Lists and prose stay.
        ("Dos, tres días.", "Dos, tres días."),
        ("Uno, dos, tres.", "Uno, dos, tres."),
        ("Tengo dos hijos y una casa.", "Tengo dos hijos y una casa."),
        ("Me cobraron dos veces.", "Me cobraron dos veces."),
        ("Fue un cobro doble, dos pagos.", "Fue un cobro doble, dos pagos."),
        ("Mil gracias.", "Mil gracias."),
        ("Uno de los dos.", "Uno de los dos."),
        ("Es un error de una persona.", "Es un error de una persona."),
        ("En diez, quince minutos.", "En 10, 15 minutos."),
        ("En quince o veinte días.", "En 15 o 20 días."),
        ("En veinticuatro horas.", "En 24 horas."),
        ("Son veintiún megas, nueve megas.", "Son 21 megas, 9 megas."),
        ("Son ciento veintitrés mil cuatrocientos cincuenta y seis.", "Son 123.456."),
        ("Hay dos millones de usuarios.", "Hay 2 millones de usuarios."),
        # Parts of a hundred.
        ("El quince por ciento.", "El 15 %."),
        ("El cinco por ciento.", "El 5 %."),
        ("El dos coma cinco por ciento.", "El 2,5 %."),
        # Dates: never a year nobody said, never a day that is not.
        ("El cinco de noviembre.", "El 5 de noviembre."),
        ("El primero de mayo.", "El 1 de mayo."),
        ("El cinco de noviembre de dos mil veinticinco.", "El 5 de noviembre de 2025."),
        ("El cinco de noviembre del ochenta y cinco.", "El 5 de noviembre del 85."),
        ("El treinta y uno de febrero.", "El 31 de febrero."),
        # Times: the half of the day only where it was said.
        ("A las tres y media de la tarde.", "A las 3:30 p. m."),
        ("A las 5 de la tarde le llamo.", "A las 5:00 p. m. le llamo."),
        ("A las tres y media.", "A las 3:30."),
        ("A la una y cuarto.", "A la 1:15."),
        ("A las doce menos cuarto.", "A las 11:45."),
        ("A las doce del mediodía.", "A las 12:00 p. m."),
        ("A las once de la noche.", "A las 11:00 p. m."),
        ("A las doce de la noche.", "A las 12:00 a. m."),
        ("A las cinco.", "A las cinco."),
        ("Las dos personas.", "Las dos personas."),
        ("Las 3:30 p. m. y ya.", "Las 3:30 p. m. y ya."),
        # Codes and addresses.
        ("Es a be cuatro cinco.", "Es AB45."),
        ("El código es A B cuatro cinco.", "El código es AB45."),
        ("Es a de árbol, be de burro, uno dos tres.", "Es AB123."),
        ("Es efe de foca, ele de luna, cero nueve.", "Es FL09."),
        ("A cuatro cuadras.", "A cuatro cuadras."),
        ("De cuatro a seis.", "De cuatro a seis."),
        ("Es ana punto ruiz arroba gmail punto com.", "Es ana.ruiz@gmail.com."),
        ("Es ana guion bajo ruiz veintitrés arroba banco punto com punto mx.", "Es ana_ruiz23@banco.com.mx."),
        ("Busca una arroba de papa.", "Busca una arroba de papa."),
    ],
)
def test_spanish(raw: str, text: str) -> None:
    assert polish("es", raw).text == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("There's one for two hundred and forty dollars.", "There's one for $240."),
        ("It's a hundred dollars and fifty cents.", "It's $100.50."),
        ("It's 240 dollars.", "It's $240."),
        ("It cost fifteen hundred.", "It cost 1500."),
        ("It cost one dollar.", "It cost one dollar."),
        ("Twenty euros or ten pounds.", "€20 or £10."),
        ("A hundred people.", "A hundred people."),
        ("A hundred and twenty people.", "120 people."),
        ("A thousand thanks.", "A thousand thanks."),
        ("Five one eight three six zero.", "518360."),
        ("518360 got it.", "518360 got it."),
        ("Four oh seven two.", "4072."),
        ("The card ends in 4, 7, 2, 9.", "The card ends in 4729."),
        ("Double five three two.", "5532."),
        ("One of them, or two.", "One of them, or two."),
        ("Oh, one of them.", "Oh, one of them."),
        ("For two, three days.", "For two, three days."),
        ("Within twenty-four hours.", "Within 24 hours."),
        ("Twenty five to thirty.", "25 to 30."),
        ("Open from nine to five.", "Open from nine to five."),
        ("It's the twenty first century.", "It's the twenty first century."),
        ("Two thirty works.", "Two thirty works."),
        ("Fifteen percent off.", "15% off."),
        ("Two point five percent.", "2.5%."),
        ("March the third, nineteen eighty five.", "March 3, 1985."),
        ("It was March 3rd, 1985.", "It was March 3, 1985."),
        ("On the twenty third of May.", "On May 23."),
        ("February thirtieth.", "February thirtieth."),
        ("May I help you?", "May I help you?"),
        ("In nineteen eighty five.", "In 1985."),
        ("Half past three.", "3:30."),
        ("A quarter to nine in the morning.", "8:45 a.m."),
        ("At three thirty p.m. on Friday.", "At 3:30 p.m. on Friday."),
        ("Call before 5 pm.", "Call before 5:00 p.m."),
        ("At five.", "At five."),
        ("B as in boy, four five.", "B45."),
        ("A as in apple, C as in cat, nine oh four.", "AC904."),
        ("I have a four star rating.", "I have a four star rating."),
        ("It's john dot smith at gmail dot com.", "It's john.smith@gmail.com."),
        ("I'm at home dot.", "I'm at home dot."),
    ],
)
def test_english(raw: str, text: str) -> None:
    assert polish("en", raw).text == text


@pytest.mark.parametrize(
    ("language", "raw", "text"),
    [
        ("es", "buenas tardes", "Buenas tardes."),
        ("es", "cuál es el número de mi plan", "¿Cuál es el número de mi plan?"),
        ("es", "y cuánto cuesta", "¿Y cuánto cuesta?"),
        ("es", "me puede ayudar con mi factura", "¿Me puede ayudar con mi factura?"),
        ("es", "en qué le puedo ayudar", "¿En qué le puedo ayudar?"),
        ("es", "cuando llamé no contestaron", "Cuando llamé no contestaron."),
        ("es", "qué bueno", "Qué bueno."),
        ("es", "cómo no", "Cómo no."),
        ("es", "Cuánto cuesta?", "¿Cuánto cuesta?"),
        ("es", "Bueno. Cuánto cuesta?", "Bueno. Cuánto cuesta?"),
        ("es", "quiero cancelar porque", "Quiero cancelar porque"),
        ("es", "Tiene con qué anotar.", "Tiene con qué anotar."),
        ("es", "el Sr. pérez llamó", "El Sr. pérez llamó."),
        ("es", "…y no me llaman", "…y no me llaman."),
        ("es", "espere,", "Espere,"),
        ("en", "thank you so much. thank you.", "Thank you so much. Thank you."),
        ("en", "can you help me", "Can you help me?"),
        ("en", "how much is it", "How much is it?"),
        ("en", "what a day", "What a day."),
        ("en", "i'll call on monday and i will pay", "I'll call on Monday and I will pay."),
        ("en", "is on the phone", "Is on the phone."),
        ("en", "and the", "And the"),
        ("en", "518360", "518360"),
    ],
)
def test_case_and_marks(language: Language, raw: str, text: str) -> None:
    assert polish(language, raw).text == text


@pytest.mark.parametrize(
    ("language", "raw", "expected"),
    [
        ("es", "son mil quinientos pesos con cincuenta centavos", [("money", "1500.50 pesos")]),
        ("es", "diez dólares", [("money", "10.00 USD")]),
        ("es", "cuatro cinco uno, cero dos", [("digits", "45102")]),
        ("es", "el cinco de noviembre", [("date", "--11-05")]),
        ("es", "el cinco de noviembre de dos mil veinticinco", [("date", "2025-11-05")]),
        ("es", "a las tres y media de la tarde", [("time", "T15:30")]),
        ("es", "a las tres y media", [("time", "3:30")]),
        ("es", "dos coma cinco por ciento", [("percent", "2.5")]),
        ("es", "quiero hogar plush", [("name", "Hogar Plus")]),
        ("en", "march the third, nineteen eighty five", [("date", "1985-03-03")]),
        ("en", "A B four five", [("code", "AB45")]),
    ],
)
def test_values_for_machines(language: Language, raw: str, expected: list[tuple[str, str]]) -> None:
    assert values(language, raw) == expected


def test_other_separators() -> None:
    mexico = polisher("es", None, "1,234.5")
    assert mexico.polish("Son ochenta y nueve mil pesos con cincuenta centavos.").text == "Son $89,000.50."


def test_every_change_tells_the_words_behind_it() -> None:
    raw = "son ochenta y nueve mil pesos de mi hogar plush"
    polished = polish("es", raw)
    assert polished.text == "Son $89.000 de mi Hogar Plus."
    shown = {change.spoken: polished.text[change.start : change.end] for change in polished.changes}
    assert shown == {"s": "S", "ochenta y nueve mil pesos": "$89.000", "hogar plush": "Hogar Plus", "": "."}
    assert restored(polished.text, polished.changes) == raw
    assert restored(polished.text, polished.changes, names=False) == "son ochenta y nueve mil pesos de mi Hogar Plus"


_WORDS = {
    "es": "y , . - ? ¿ a b 5 12 742 1.500 $20 0 3:30 p. m. pm % por ciento coma punto las la de del media cuarto menos "
    "tarde mañana noche arroba gmail com hogar plus plush qué cuál me puede S/ US$10 Q20 AB45 centavos con el",
    "en": "and , . - ? a b 5 12 742 1,500 $20 0 3:30 p.m. am % percent point at half past quarter to o'clock in the "
    "morning dot gmail com cloud box can you i i'm monday first third as boy cents of",
}
PIECES = {
    language: [
        *_WORDS[language].split(),
        *NUMBERS[language],
        *SCALES[language],
        *MONTHS[language],
        *CURRENCIES[language],
        *REPEATS[language],
    ]
    for language in ("es", "en")
}
TALK = st.sampled_from(["es", "en"]).flatmap(
    lambda language: st.tuples(
        st.just(language), st.lists(st.sampled_from(PIECES[language]), max_size=10).map(" ".join)
    )
)


@settings(deadline=None)
@given(st.one_of(TALK, st.tuples(st.sampled_from(["es", "en"]), st.text(max_size=60))))
@example(("es", "9" * 500))
@example(("en", "\u0301 i\u0307 ß ŉ ０１２ ٣"))
@example(("es", "a" * (LONGEST + 1)))
def test_any_line_is_survived_traceable_and_stable(line: tuple[Language, str]) -> None:
    language, raw = line
    once = polish(language, raw)
    assert restored(once.text, once.changes) == raw
    assert polish(language, once.text).text == once.text
    at = 0
    for change in once.changes:
        assert at <= change.start <= change.end <= len(once.text)
        assert once.text[change.start : change.end] != change.spoken
        at = change.end
