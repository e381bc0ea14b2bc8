"""Whole calls: cards shown on the scripted calls, by a playbook of the trade and by the packaged one.

The playbooks of the trades (`data/playbooks/<language>/<trade>.yaml`) are written as a supervisor would write them,
from knowledge of the trade and the development calls; whoever wrote them had not read the test calls. A card's id is
the topic that the calls are marked with.

A card is *useful* when its topic is marked in the call (``!topic`` on a turn, or under ``use``). A topic marked with
``!`` must be shown, by the end of the fourth turn after it. Only topics that the playbook has a card for are asked of
it; precision counts every card shown but those of the packaged playbook that are about no topic (how the customer
feels, a silence, what must not be told). No one takes or dismisses a card here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from assist.config import Settings, Tags
from assist.decide.kit import Kit, SentenceEncoder, SentimentModel
from assist.decide.playbook import Playbook
from assist.events import CardOffered, Language
from assist.session.encoder import installed_encoder
from assist.session.kits import make_kits
from assist.session.mood import open_mood
from assist.session.playbooks import packaged_playbook, read_playbook
from bench.judge._scripted import Call, load, play
from bench.judge.row import OURS, Options, Row

PLAYBOOKS: Final = Path(__file__).parent / "data" / "playbooks"
_ABOUT: Final[dict[str, frozenset[str]]] = {
    "fraud_block": frozenset({"unknown_charge", "card_block", "lost_card"}),
    "refund_deadline": frozenset({"refund_status"}),
    "bill_explain": frozenset({"bill_explain", "high_bill", "fee_refund"}),
    "no_service": frozenset({"no_service", "power_outage"}),
    "damaged_item": frozenset({"damaged_item", "wrong_item", "missing_item", "exchange"}),
    "scam": frozenset({"phishing"}),
}
"""Topics of the calls that a card of the packaged playbook is about, where its id is not the topic itself."""
_NO_TOPIC: Final = frozenset({"upset", "long_silence", "secret_told", "legal_threat"})
_TURNS: Final = 4
_LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")
_TRADE_LETTERS: Final = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """A call's cards: ids shown with the line each rests on, those of them that no topic of the call asks for, topics
    owed, and topics owed that did not come in time."""

    call: Call
    shown: tuple[tuple[str, tuple[str, ...]], ...]
    wrong: tuple[str, ...]
    owed: tuple[str, ...]
    missed: tuple[str, ...]


def run(options: Options) -> Sequence[Row]:
    """The rows of both languages, on the test part."""
    rows: list[Row] = []
    for language in _LANGUAGES:
        calls = load(language, dev=False)
        rows += _rows(language, "trade playbooks", judged(calls, kits_of_trades(language)))
        example = _kit(packaged_playbook(language))
        rows += _rows(language, "packaged playbook", judged(calls, lambda call, kit=example: kit))  # type: ignore[misc]
    return rows


def kits_by_trade(language: Language) -> dict[str, Kit]:
    """The kit of each trade."""
    return {path.stem: _kit(read_playbook(path), path.stem) for path in sorted((PLAYBOOKS / language).iterdir())}


def kits_of_trades(language: Language) -> Callable[[Call], Kit]:
    """The kit of a call's trade, which the first letters of its id name."""
    kits = {trade[:_TRADE_LETTERS]: kit for trade, kit in kits_by_trade(language).items()}
    return lambda call: kits[call.id[:_TRADE_LETTERS]]


def judged(calls: Sequence[Call], kit_of: Callable[[Call], Kit]) -> list[Judged]:
    """Every call played with the kit that serves it."""
    return [_judge(call, kit_of(call)) for call in calls]


def _judge(call: Call, kit: Kit) -> Judged:
    _, steps = play(call, kit)
    offers = [event for _, made in steps for event, _ in made if isinstance(event, CardOffered)]
    wanted = {topic for _, topic in call.must_show()} | call.useful
    topics = {card.id for card in kit.playbook.cards}
    offers = [offer for offer in offers if offer.card_id not in _NO_TOPIC]
    owed = [told for told in _owed(call) if told[0] in topics]
    return Judged(
        call,
        tuple((offer.card_id, offer.evidence) for offer in offers),
        tuple(offer.card_id for offer in offers if not _ABOUT.get(offer.card_id, {offer.card_id}) & wanted),
        tuple(topic for topic, _, _ in owed),
        tuple(
            topic
            for topic, after, until in owed
            if not any(offer.card_id == topic and after <= offer.at <= until for offer in offers)
        ),
    )


def _owed(call: Call) -> Iterator[tuple[str, float, float]]:
    for turn, topic in call.must_show():
        place = call.turns.index(turn)
        last = call.turns[min(place + _TURNS, len(call.turns) - 1)]
        yield topic, call.began + turn.at, call.began + last.until


def _rows(language: Language, note: str, calls: Sequence[Judged]) -> Iterator[Row]:
    shown = sum(len(one.shown) for one in calls)
    owed = sum(len(one.owed) for one in calls)

    def row(metric: str, value: float, n: int, target: float | None, *, low: bool = True) -> Row:
        return Row("calls", "scripted calls", language, OURS, metric, value, n, target, low, note)

    yield row("cards in a call, most", max(len(one.shown) for one in calls), len(calls), 3)
    yield row("cards per call", shown / len(calls), len(calls), None)
    if shown:
        yield row("useful cards", 1 - sum(len(one.wrong) for one in calls) / shown, shown, 0.8, low=False)
    if owed:
        yield row("must-show missed", sum(len(one.missed) for one in calls) / owed, owed, 0.05)


@cache
def _models() -> tuple[SentimentModel, SentenceEncoder | None]:
    return open_mood(), installed_encoder()


def _kit(playbook: Playbook, trade: str = "") -> Kit:
    """As a session of that trade would be given it on a machine with the default models and no history."""
    mood, encoder = _models()
    settings = Settings(data_dir=PLAYBOOKS / "no history", tags=Tags(taxonomy=trade))
    return make_kits(settings, {playbook.language: playbook}, sentiment=mood, meaning=encoder)[playbook.language]
