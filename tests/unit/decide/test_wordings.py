"""The bank of wordings: its reader, what the packaged files must be like, and what a playbook borrows from it."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from assist.decide.borrowing import LANGUAGES, Bank
from assist.decide.meaning import MeaningIndex, plain
from assist.decide.playbook import Spot
from assist.decide.wordings import LEAST_WORDINGS, Act, joined, packaged_acts, parse
from assist.errors import ConfigError
from tests.unit.decide.test_meaning import Words

LINES = "\n".join(f"    wording number {n}" for n in range(LEAST_WORDINGS))
GOOD = f"greet:\n  party: agent\n  es: |\n{LINES}\n  en: |\n{LINES}\n"


def test_a_file_is_read() -> None:
    (act,) = parse(GOOD, "a.yaml")
    assert (act.id, act.party) == ("greet", "agent")
    assert act.wordings["es"][0] == "wording number 0"
    assert len(act.wordings["en"]) == LEAST_WORDINGS


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("agent", "lawyer"), "greet.party"),
        (GOOD.replace("  en: |", "  fr: |"), "greet.en"),
        (GOOD.replace("wording number 1\n", "wording number 0\n", 1), "stands twice"),
        (f"greet:\n  party: agent\n  es: |\n    one\n  en: |\n{LINES}\n", "write at least"),
        ("greet: [", "not YAML"),
        ("Greet It: 1", "a.yaml"),
    ],
)
def test_faults_are_named(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(text, "a.yaml")


def test_one_wording_belongs_to_one_act() -> None:
    with pytest.raises(ConfigError, match="another file"):
        joined({"a.yaml": GOOD, "b.yaml": GOOD})
    with pytest.raises(ConfigError, match="belongs to 'greet' and 'leave'"):
        joined({"a.yaml": GOOD, "b.yaml": GOOD.replace("greet", "leave")})


def test_acts_near_each_other_name_each_other() -> None:
    near = GOOD.replace("party: agent", "party: agent\n  near: [leave]", 1)
    with pytest.raises(ConfigError, match="'greet' is near 'leave', which is none or does not say so"):
        joined(
            {"a.yaml": near, "b.yaml": GOOD.replace("greet", "leave").replace("hola", "adiós").replace("hello", "bye")}
        )


def test_the_packaged_bank_is_wide_and_of_both_languages() -> None:
    acts = packaged_acts()
    assert len(acts) >= 1300
    assert {act.party for act in acts} == {"agent", "customer"}
    for act in acts:
        for language in LANGUAGES:
            assert len(act.wordings[language]) >= 17, act.id


ACTS = {
    "block_card": ["le bloqueo la tarjeta", "bloqueo inmediato de la tarjeta", "la tarjeta queda con bloqueo ahora"],
    "ask_card": ["dígame el número de la tarjeta", "número de la tarjeta por favor", "cuál es el número de la tarjeta"],
    "tell_weather": ["mañana llueve mucho", "hoy hace sol y calor", "la lluvia sigue mañana"],
}


def bank(words: Words) -> Bank:
    """Three acts, the same in both languages."""

    def rows(lines: Sequence[str]) -> NDArray[np.float32]:
        return words.encode([plain(line) for line in lines])

    acts = tuple(Act(name, "agent", {"es": tuple(lines), "en": tuple(lines)}) for name, lines in ACTS.items())
    calm = ["buenos días señora", "gracias por su paciencia", "un momento por favor", "qué más necesita usted"]
    neutral = rows([f"{line} {word}" for line in calm for word in ("hoy", "claro", "bueno", "entonces")])
    found = tuple(rows(lines) for lines in ACTS.values())
    return Bank(acts, {"es": found, "en": found}, {"es": neutral, "en": neutral})


def spot(*examples: str, **more: object) -> Spot:
    return Spot("rule.a", examples=examples, **more)  # type: ignore[arg-type]


def index(*spots: Spot) -> MeaningIndex:
    words = Words()
    return MeaningIndex(spots, words.encode, "es", bank(words))


OWN = ("yo le bloqueo esa tarjeta", "bloqueo su tarjeta", "tarjeta con bloqueo")


def test_a_rule_borrows_from_the_act_it_belongs_to() -> None:
    loan = index(spot(*OWN)).loans()["rule.a"]
    assert loan is not None
    assert loan.act == "block_card"


@pytest.mark.parametrize(
    "rule",
    [
        spot(*OWN, borrow=False),
        spot(*OWN, party="customer"),
        spot(OWN[0]),
        spot("usted tiene toda la razón", "lamento mucho la demora", "entiendo la molestia"),
    ],
    ids=["told not to", "another party", "one example", "belongs to none"],
)
def test_a_rule_that_may_not_or_does_not_belong_borrows_nothing(rule: Spot) -> None:
    assert index(rule).loans()["rule.a"] is None


def test_a_neighbouring_act_is_not_the_rule() -> None:
    found = index(spot(*OWN))
    assert "rule.a" in found.hits("le bloqueo la tarjeta ahora")
    assert found.hits("cuál es el número de la tarjeta") == {}
    assert found.hits("buenos días señora") == {}
