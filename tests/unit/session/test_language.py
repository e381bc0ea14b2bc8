"""In which language a call is served."""

from assist.events import CallEnded, CallLanguage, CallStarted, Event, Heard, Language, Party
from assist.session.language import call_language, undecided


def started(language: CallLanguage) -> CallStarted:
    return CallStarted(call_id="c", at=0, trunk="t", caller="1", callee="2", queue="q", agent_id="a", language=language)


def heard(party: Party, language: Language, *, final: bool = True, text: str = "hola") -> Heard:
    return Heard(
        call_id="c", at=1, party=party, utterance_id="u", text=text, stable_chars=0, final=final, t0=0, t1=1,
        language=language, confidence=0.9,
    )  # fmt: skip


ENDED = CallEnded(call_id="c", at=2, reason="customer_hangup", sip_code=200, answered=True)


def test_the_trunk_decides() -> None:
    events: list[Event] = [started("es"), heard("customer", "en")]
    assert call_language(events) == "es"
    assert not undecided(events[:1])


def test_else_the_customers_first_words_do() -> None:
    events: list[Event] = [started("auto"), heard("agent", "es"), heard("customer", "en"), heard("customer", "es")]
    assert call_language(events) == "en"
    assert not undecided(events)


def test_a_silent_customer_leaves_it_to_the_agent() -> None:
    events: list[Event] = [started("auto"), heard("agent", "en")]
    assert undecided(events)
    assert call_language([*events, heard("agent", "en")]) == "en"


def test_partials_and_withdrawn_words_decide_nothing() -> None:
    events: list[Event] = [
        started("auto"),
        heard("customer", "en", final=False),
        heard("customer", "en", text=""),
    ]
    assert call_language(events) is None
    assert undecided(events)


def test_a_call_that_is_over_waits_for_nothing() -> None:
    assert not undecided([started("auto"), ENDED])
    assert call_language([started("auto"), ENDED]) is None


def test_a_call_whose_beginning_is_lost_speaks_as_it_is_heard() -> None:
    assert call_language([heard("agent", "en")]) == "en"
    assert not undecided([heard("agent", "en", final=False)])
