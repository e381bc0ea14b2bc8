"""Sums of money that a call states: each once, with the lines that state it."""

from itertools import pairwise
from typing import Final

from assist.decide.text import normalise
from assist.decide.transcript import Sentence, Transcript
from assist.events import FactHeard, Language, SummaryItem
from assist.strings import say
from assist.text.words import CURRENCIES

_YES: Final[dict[Language, frozenset[str]]] = {
    "es": frozenset(
        [
            "si",
            "dale",
            "claro",
            "ok",
            "okey",
            "bueno",
            "acepto",
            "listo",
            "va",
            "sale",
            "perfecto",
            "correcto",
            "esa",
            "ese",
        ]
    ),
    "en": frozenset(["yes", "yeah", "sure", "okay", "ok", "great", "perfect", "please", "correct", "accept", "deal"]),
}
_CONFIRMING: Final = frozenset(["cierto", "correcto", "verdad", "no", "right", "correct"])
_HALF_UNIT: Final = 0.5


def amounts(talk: Transcript) -> list[SummaryItem]:
    """Sums of money that were stated or agreed; not those asked about, refused, waived or only offered."""
    shown = {CURRENCIES[talk.language].get(word, ""): name for word, name in talk.kit.data.currencies.items()}
    items = []
    for fact in talk.facts:
        if fact.kind != "money":
            continue
        amount, _, code = fact.value.partition(" ")
        evidence = _stated(talk, float(amount), fact)
        if not evidence:
            continue
        text = fact.text
        if code in shown and not any(ch in "$€£" for ch in fact.spoken):
            whole = float(amount).is_integer()
            value = talk.kit.style.number(float(amount), places=None if whole else 2, group_from=4)
            text = say(talk.language, "decide.amount", value=value, currency=shown[code])
        items.append(SummaryItem(slot="amount", text=text, evidence=evidence, value=fact.value))
    return items


def _stated(talk: Transcript, amount: float, fact: FactHeard) -> tuple[str, ...]:
    """The lines that state the sum; a later line counts that repeats the number without its currency."""
    own = [s for uid in fact.evidence for s in talk.of_line.get(uid, ())]
    first = min((s.place for s in own), default=0)
    said = [s for s in talk.with_number(amount) if s.place >= first and _says(talk, s, amount)]
    said += [s for s in own if _names(talk, s, fact)]
    mentions = sorted({s.place: s for s in said}.values(), key=lambda s: s.place)
    stating = [
        s for s in mentions if _states(talk, s) and not _overtaken(talk, s, amount) and not _taken_back(talk, s, amount)
    ]
    if not stating:
        return ()
    return tuple(dict.fromkeys((*fact.evidence, *(s.heard.utterance_id for s in stating))))


def _says(talk: Transcript, s: Sentence, amount: float) -> bool:
    """Whether the number is in ``s``, be it without its currency; a day of the month is another number."""
    said = any(abs(run.groups[-1] - amount) < _HALF_UNIT for run in talk.numbers(s.text))
    return said and talk.bare_day(s.text) != amount


def _overtaken(talk: Transcript, s: Sentence, amount: float) -> bool:
    """Whether the customer answered the agent's sum with another one that the agent then says: theirs holds."""
    if s.party != "agent":
        return False
    answer = talk.turn_after(s)
    others = {run.groups[-1] for one in answer for run in talk.numbers(one.text)} - {amount}
    if not others or any(_says(talk, one, amount) and not one.asks for one in answer):
        return False
    return any(_says(talk, one, other) for one in talk.turn_after(answer[0]) for other in others)


def _taken_back(talk: Transcript, s: Sentence, amount: float) -> bool:
    """Whether ``s`` corrects itself: "300 pesos, perdón, 350 pesos"."""
    runs = talk.numbers(s.text)
    corrections = talk.kit.data.corrections - {"no"}  # "300 pesos, no 350"
    return any(
        abs(run.groups[-1] - amount) < _HALF_UNIT
        and abs(after.groups[-1] - amount) >= _HALF_UNIT
        and corrections.intersection(normalise(s.text[run.end : after.start]).split())
        for run, after in pairwise(runs)
    )


def _names(talk: Transcript, s: Sentence, fact: FactHeard) -> bool:
    return any(entity.kind == "money" and entity.value == fact.value for entity in talk.kit.numbers(s.text)[1])


def _states(talk: Transcript, s: Sentence) -> bool:
    """Whether a sum in ``s`` is a fact: said outright, or offered and accepted."""
    does = s.does
    if does.waived:
        return False
    if s.party == "customer":
        return not s.asks and not does.offer
    after = talk.turn_after(s)
    agreed = any(_YES[talk.language].intersection(one.plain.split()[:3]) for one in after[:1])
    objected = any(one.does.objects for one in after[:1]) and not does.done
    if s.asks:
        confirming = s.plain.split()[-1] in _CONFIRMING
        return (confirming and not objected) or (agreed and not does.condition and not objected)
    if does.condition and not does.done:
        return False
    if does.offer and not does.done:
        return agreed and not objected and sum(1 for run in talk.numbers(s.text) if talk.currency(run)) < 2
    # "… 18 a day. Shall I add it?" "No": the whole line was an offer.
    offered = any(one.asks or one.does.offer for one in talk.sentences if one.heard is s.heard)
    return not (objected and (does.state or offered))
