"""Sentiment, tags, metrics and alerts."""

import pytest

from assist.decide.lexicon import LexiconBaseline
from assist.decide.sentiment import mood_of, trend_of
from assist.events import (
    AlertCleared,
    AlertRaised,
    CallHeld,
    CallResumed,
    Event,
    Language,
    LeadDid,
    MetricsChanged,
    SentimentChanged,
    TagsChanged,
)
from tests.unit.decide.calls import T0, Call, kit_of, packaged_kit

ANGRY = (
    "Estoy muy molesto, es un robo",
    "Es una vergüenza, estoy furioso",
    "Nadie me da una respuesta, es inaceptable",
)


@pytest.mark.parametrize(
    ("language", "text", "mood"),
    [
        ("es", "Estoy muy molesto con ustedes", "negative"),
        ("es", "¡Esto es un robo!", "negative"),
        ("es", "Ya llamé dos veces y siempre me dicen lo mismo", "negative"),
        ("es", "no estoy contento con el servicio", "negative"),
        ("es", "Perfecto, muchas gracias, muy amable", "positive"),
        ("es", "no hay problema", "neutral"),
        ("es", "Mi número es el tres", "neutral"),
        ("es", "", "neutral"),
        ("en", "I'm really worried", "negative"),
        ("en", "This is absolutely ridiculous", "negative"),
        ("en", "I am not happy with this", "negative"),
        ("en", "That sounds great, thank you so much", "positive"),
        ("en", "not bad at all", "neutral"),
        ("en", "It is on Main Street", "neutral"),
    ],
)
def test_the_baseline_reads_plain_moods(language: Language, text: str, mood: str) -> None:
    score = LexiconBaseline().score(text, language)
    assert -1 <= score <= 1
    assert mood_of(score) == mood


def test_the_baseline_says_what_it_is() -> None:
    assert LexiconBaseline.name == "lexicon-baseline"


def test_an_intensifier_makes_it_worse() -> None:
    model = LexiconBaseline()
    assert model.score("estoy muy molesto", "es") < model.score("estoy molesto", "es") < 0


def test_the_trend_forgets_slowly_and_small_talk_calms_nobody() -> None:
    assert trend_of([]) == 0
    assert trend_of([-0.9, 0.0, 0.0]) < -0.5
    assert trend_of([-0.9, 0.9, 0.9]) > 0.2


def changes(events: list[Event]) -> list[str]:
    return [event.mood for event in events if isinstance(event, SentimentChanged)]


def test_only_the_customers_finals_move_the_mood() -> None:
    call = Call(packaged_kit("es"))
    call.answer()
    assert changes(call.say("agent", ANGRY[0], 5)) == []
    assert changes(call.say("customer", ANGRY[0], 8, stable=10)) == []
    assert changes(call.say("customer", ANGRY[0], 9)) == ["negative"]
    assert changes(call.say("customer", "mi número es tres", 12)) == []


def test_tags_gather_and_keep_their_evidence() -> None:
    call = Call(packaged_kit("es"))
    call.answer()
    call.say("customer", "me cobraron dos veces en la factura", 5)
    events = call.say("customer", "si sigue así cancelo el servicio", 9)
    (change,) = [event for event in events if isinstance(event, TagsChanged)]
    values = {tag.value: tag.evidence for tag in change.tags}
    assert values == {"double_charge": ("u1",), "billing": ("u1",), "churn": ("u2",)}
    assert call.say("customer", "que cancelo el servicio le digo", 12) == [] or not [
        event for event in call.decided[-3:] if isinstance(event, TagsChanged) and event is not change
    ]


def test_metrics_add_up() -> None:
    call = Call(kit_of("rules: []"))
    call.answer()
    call.say("agent", "hola", 4, length=4)
    call.say("customer", "buenas", 7, length=4)
    call.give(CallHeld(call_id="c1", at=T0 + 10, by="agent"))
    call.give(CallResumed(call_id="c1", at=T0 + 15, by="agent"))
    call.end(20)
    last = call.state.metrics
    assert last is not None
    assert (last.agent_talk, last.customer_talk, last.overlap, last.hold) == (4, 4, 1, 5)
    assert last.silence == pytest.approx(20 - 5 - 7)


def test_metrics_come_at_most_every_five_seconds() -> None:
    call = Call(kit_of("rules: []"))
    call.answer()
    for quarter in range(1, 121):
        call.tick(quarter / 4)
    assert len([event for event in call.decided if isinstance(event, MetricsChanged)]) == 6


def alerts(events: list[Event]) -> list[str]:
    return [
        type(event).__name__ + ":" + event.alert_id for event in events if isinstance(event, AlertRaised | AlertCleared)
    ]


def test_a_mood_that_stays_low_calls_the_lead_once_and_clears() -> None:
    call = Call(packaged_kit("es"))
    call.answer()
    call.say("agent", "mi nombre es Ana, esta llamada será grabada", 3)
    for n, line in enumerate(ANGRY):
        assert alerts(call.say("customer", line, 5 + 4 * n)) == []
    assert alerts(call.tick(34.9)) == []
    assert alerts(call.tick(35.0)) == ["AlertRaised:c1-low_mood-1"]
    assert alerts(call.tick(40.0)) == []
    for n in range(3):
        call.say("customer", "perfecto, excelente, muchas gracias, muy amable", 45 + n * 4)
    assert "AlertCleared:c1-low_mood-1" in alerts(call.decided)


def test_a_lead_who_clears_it_is_not_asked_again_for_the_same_low() -> None:
    call = Call(packaged_kit("es"))
    call.answer()
    call.say("agent", "mi nombre es Ana, esta llamada será grabada", 3)
    for n, line in enumerate(ANGRY):
        call.say("customer", line, 5 + 4 * n)
    call.tick(36)
    cleared = LeadDid(call_id="c1", at=T0 + 37, lead_id="luz", action="alert_cleared", target="c1-low_mood-1")
    assert alerts(call.give(cleared)) == ["AlertCleared:c1-low_mood-1"]
    assert alerts(call.tick(80)) == []


def test_a_critical_rule_missed_calls_the_lead() -> None:
    call = Call(packaged_kit("en"))
    call.answer()
    raised = [event for event in call.tick(30.0) if isinstance(event, AlertRaised)]
    assert [(alert.kind, alert.severity) for alert in raised] == [("compliance", "critical")]
    assert "Recording notice" in raised[0].reason
