"""What an agent is shown of a passage: whole sentences as they stand."""

from hypothesis import given
from hypothesis import strategies as st

from assist.knowledge.quote import GAP, LONGEST, excerpt

LONG = " ".join(f"Esta es la frase número {n} y no dice nada nuevo." for n in range(20))


def test_a_short_passage_is_shown_whole() -> None:
    assert excerpt("El plazo es de 30 días.\n", "plazo") == "El plazo es de 30 días."


def test_of_a_long_one_the_sentences_that_answer_with_marks_where_some_are_left_out() -> None:
    text = f"{LONG} El reembolso llega en diez días hábiles. {LONG}"
    shown = excerpt(text, "¿cuándo llega el reembolso?")
    assert shown.startswith(f"{GAP} El reembolso llega en diez días hábiles. Esta es")
    assert shown.endswith(f"nuevo. {GAP}")


@given(st.text(alphabet="ab. \n¿?áñ€", max_size=1500), st.text(alphabet="ab ", max_size=20))
def test_nothing_is_added_and_it_is_short_enough(text: str, query: str) -> None:
    shown = excerpt(text, query)
    assert len(shown) <= LONGEST
    assert shown.removeprefix(f"{GAP} ").removesuffix(f" {GAP}") in text
