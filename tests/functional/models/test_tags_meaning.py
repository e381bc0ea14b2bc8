"""Tags and likely cards with the real sentence encoder: other words, both languages, nothing from small talk."""

import pytest

from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.next_action import NextActions
from assist.events import Language
from assist.session.encoder import installed_encoder
from assist.session.taxonomies import packaged_taxonomy
from tests.unit.decide.calls import Call, playbook

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def kits() -> dict[Language, Kit]:
    encoder = installed_encoder()
    if encoder is None:
        pytest.skip("the sentence encoder is not installed; run: apuntador models fetch e5-small-es-en")
    made: dict[Language, Kit] = {}
    for language, other in (("es", "en"), ("en", "es")):
        taxonomies = tuple(packaged_taxonomy("telecom", one) for one in (language, other))  # type: ignore[arg-type]
        book = playbook(f"name: test\nlanguage: {language}\n")
        made[language] = Kit(book, LexiconBaseline(), meaning=encoder, taxonomies=taxonomies).warm()  # type: ignore[index]
    return made


@pytest.mark.parametrize(
    ("language", "line", "kind", "value"),
    [
        ("es", "fíjese que ayer un ladrón se llevó mi teléfono en la plaza", "reason", "lost_phone"),
        ("en", "a thief ran off with my mobile on the square yesterday", "reason", "lost_phone"),
        ("es", "el internet de la casa va lentísimo estos días", "reason", "slow_internet"),
        ("en", "our home internet is painfully slow these days", "reason", "slow_internet"),
        ("en", "quiero darme de baja del servicio", "reason", "cancellation"),
        ("es", "les he marcado ya tres veces por este mismo problema", "risk", "repeat_contact"),
        ("en", "this is now the third time I'm calling you about the very same problem", "risk", "repeat_contact"),
        ("es", "otra empresa me cobra la mitad, me voy con ellos", "risk", "churn"),
        ("en", "another provider charges half of that, I'm leaving you for them", "risk", "churn"),
    ],
)
def test_other_words_for_it_give_the_tag(
    kits: dict[Language, Kit], language: Language, line: str, kind: str, value: str
) -> None:
    call = Call(kits[language])
    call.answer()
    call.say("customer", line, 5, uid="c1")
    found = {(tag.kind, tag.value): tag for tag in call.state.tags}
    assert (kind, value) in found
    assert found[kind, value].evidence == ("c1",)


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("es", "buenas, qué más, cómo le va"),
        ("es", "deme un momentico que no encuentro las gafas"),
        ("en", "hey there, how's your day going"),
        ("en", "hang on a moment, I can't find my glasses"),
        ("es", "no, no voy a cancelar, tranquila"),
        ("en", "no worries, I'm not cancelling"),
    ],
)
def test_small_talk_gives_neither_reason_nor_risk(kits: dict[Language, Kit], language: Language, line: str) -> None:
    call = Call(kits[language])
    call.answer()
    call.say("customer", line, 5)
    assert not [tag for tag in call.state.tags if tag.kind in ("reason", "risk", "churn")]


BOOK = """
name: test
language: en
cards:
  - id: refund
    title: Refund
    say: You will have your money back within five days.
    when: {customer_examples: [when do I get my money back, I want a refund, you owe me money]}
  - id: technician
    title: Technician
    say: I am sending a technician tomorrow morning.
    when: {customer_examples: [it still does not work, can you send somebody, I need it repaired]}
"""


def test_a_card_is_likely_after_other_words_for_its_examples(kits: dict[Language, Kit]) -> None:
    actions = NextActions(playbook(BOOK), kits["en"].rows, everyday=packaged_taxonomy("common", "en").background or ())
    scores = actions.score([("customer", "could someone come over and fix it")], [])
    assert scores["technician"] > 0.5 > scores["refund"]
    assert max(actions.score([("customer", "good evening to you")], []).values()) < 0.5
