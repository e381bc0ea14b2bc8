"""Which card comes next: from the playbook alone, with history, and when to say nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.next_action import FLOOR, NOTHING, NextActions, exemplars, taken_in, turns_of
from assist.decide.playbook import Playbook
from tests.unit.decide.calls import Call, playbook
from tests.unit.decide.word_encoder import WordEncoder

BOOK = """
name: test
language: en
cards:
  - id: refund
    title: Refund
    say: You will have your money back within five days.
    when: {customer: [my money back, refund ... when], customer_examples: [when do I get my money back]}
    said: [within five days]
  - id: track
    title: Tracking
    say: I am sending you the tracking link by text message.
    when: {customer: [where is my order|package], customer_examples: [my package has not arrived]}
  - id: goodbye
    title: Goodbye
    say: Thank you for calling us today.
    when: {after_s: 300}
"""
EVERYDAY = ("hello good morning", "thank you very much", "my name is Ann", "one moment please", "yes that is right")


def book() -> Playbook:
    return playbook(BOOK)


class Taught:
    """What a learnt model would say."""

    actions = (NOTHING, "goodbye", "refund")

    def __init__(self, shares: Mapping[str, float], **about: Any) -> None:
        self.shares = shares
        self.about = about
        self.asked: list[tuple[Sequence[tuple[str, str]], Sequence[str]]] = []

    def probabilities(self, turns: Sequence[tuple[str, str]], taken: Sequence[str]) -> Mapping[str, float]:
        self.asked.append((turns, taken))
        return self.shares


@pytest.mark.parametrize("encoder", [None, WordEncoder()])
def test_the_playbook_alone_knows_the_card_of_its_own_words(encoder: WordEncoder | None) -> None:
    actions = NextActions(book(), encoder.encode if encoder else None, everyday=EVERYDAY)
    scores = actions.score([("agent", "how can I help"), ("customer", "so when do I get my money back")], [])
    assert max(scores, key=lambda card: scores[card]) == "refund"
    assert scores["refund"] > FLOOR
    assert scores["goodbye"] == 0
    assert sum(scores.values()) <= 1


@pytest.mark.parametrize("line", ["hello good morning", "", "😀", "12345", "thank you very much"])
def test_nothing_is_likely_after_words_that_call_for_nothing(line: str) -> None:
    actions = NextActions(book(), WordEncoder().encode, everyday=EVERYDAY)
    assert all(share < FLOOR for share in actions.score([("customer", line)], []).values())


def test_before_anybody_has_spoken_nothing_is_likely() -> None:
    assert set(NextActions(book()).score([], []).values()) == {0.0}


def test_the_order_prefers_the_card_that_follows_and_a_used_one_falls_back() -> None:
    actions = NextActions(book(), WordEncoder().encode, everyday=EVERYDAY)
    turns = [("customer", "my money or my package")]
    first = actions.score(turns, [])
    after = actions.score(turns, ["refund"])
    assert min(first["track"], first["refund"]) > 0.05
    assert after["track"] > first["track"]
    assert after["refund"] < first["refund"]
    assert sum(after.values()) <= 1


def test_history_counts_the_more_the_more_there_is() -> None:
    turns = [("customer", "hello good morning")]
    few = NextActions(book(), learned=Taught({"goodbye": 0.9, NOTHING: 0.1, "refund": 0.0}, moments=30))
    much = NextActions(book(), learned=Taught({"goodbye": 0.9, NOTHING: 0.1, "refund": 0.0}, moments=30_000))
    assert few.score(turns, [])["goodbye"] < 0.1
    assert much.score(turns, [])["goodbye"] > 0.88


def test_a_learnt_model_brings_its_floor_and_unknown_cards_stay_quiet() -> None:
    taught = Taught({"goodbye": 0.4, NOTHING: 0.4, "gone": 0.2}, moments=30_000, floor=0.35)
    call = Call(Kit(book(), LexiconBaseline(), next_cards=NextActions(book(), learned=taught)))
    call.answer()
    call.say("customer", "well then", 4)
    assert set(NextActions(book(), learned=taught).likely(call.state)) == {"goodbye"}
    strict = Taught({"goodbye": 0.4, NOTHING: 0.6}, moments=30_000, floor=0.9)
    assert NextActions(book(), learned=strict).likely(call.state) == {}


def test_the_same_moment_is_computed_once_and_sees_what_was_done() -> None:
    taught = Taught({"goodbye": 0.9, NOTHING: 0.1}, moments=30_000, floor=0.5)
    actions = NextActions(book(), learned=taught)
    kit = Kit(book(), LexiconBaseline())
    call = Call(kit)
    call.answer()
    call.say("customer", "where is my package", 4)
    assert call.state.card is not None
    call.did("card_taken", call.state.card.offer_id, at=6)
    call.say("customer", "thanks", 9)
    assert actions.likely(call.state) == actions.likely(call.state) == {"goodbye": pytest.approx(0.9, abs=0.02)}
    assert len(taught.asked) == 1
    turns, taken = taught.asked[0]
    assert turns == turns_of(call.state.lines)
    assert taken == ("track",) == taken_in(call.state)


def test_a_card_is_offered_when_the_model_finds_it_likely() -> None:
    likely = BOOK.replace("when: {after_s: 300}", "when: {likely: 0.6}")
    for share, offered in ((0.9, ["goodbye"]), (0.5, [])):
        taught = Taught({"goodbye": share, NOTHING: 1 - share}, moments=100_000, floor=0.3)
        made = playbook(likely)
        call = Call(Kit(made, LexiconBaseline(), next_cards=NextActions(made, learned=taught)))
        call.answer()
        call.say("customer", "that is all I wanted", 20, uid="c1")
        assert [offer.card_id for offer in call.state.offers] == offered
        assert all(offer.evidence == ("c1",) for offer in call.state.offers)


def test_exemplars_are_what_customers_say() -> None:
    topic = exemplars(book().cards[0])
    assert topic is not None
    assert topic.examples == ("when do I get my money back", "my money back", "refund when")
    assert exemplars(book().cards[2]) is None
