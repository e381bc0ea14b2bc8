"""Facts of a call picked out of its transcript. Everything is a quotation or a number that was said, with its line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz

from assist.decide.due import due, written
from assist.decide.facts import MASK
from assist.decide.kit import Kit
from assist.decide.text import normalise, sentences
from assist.events import FactHeard, Heard, Party, SummaryItem
from assist.strings import say
from assist.text.numbers import Run, find_numbers
from assist.text.words import CURRENCIES

_QUOTE_CHARS: Final = 240
_SAME: Final = 82.0
_LEAST_REFERENCE_DIGITS: Final = 4
_SECRET_DIGITS: Final = 4
_LEAST_REASON_WORDS: Final = 3
_SHORT_WORDS: Final = 7
_MOST: Final = 3
_CLOSING_SENTENCES: Final = 6
_LOOKED_AT: Final = 24
"""Candidates looked at from either end of a long call."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a line; ``plain`` is normalised for comparing, ``recap`` when it repeats what was agreed."""

    heard: Heard
    text: str
    plain: str
    recap: bool

    @property
    def party(self) -> Party:
        """Who said it."""
        return self.heard.party

    @property
    def words(self) -> int:
        """Number of words."""
        return self.plain.count(" ") + 1 if self.plain else 0

    @property
    def asks(self) -> bool:
        """Whether it is a question."""
        return self.text.rstrip().endswith("?")


@dataclass(frozen=True, slots=True)
class Reference:
    """A folio, claim or ticket number and the lines in which it was said."""

    name: str
    digits: str
    evidence: tuple[str, ...]


class Transcript:
    """A call's sentences in order, and the questions a summary asks of them."""

    def __init__(self, lines: Iterable[Heard], kit: Kit, facts: Iterable[FactHeard]) -> None:
        self.kit = kit
        self.language = kit.playbook.language
        self.lines = list(lines)
        self.sentences = [sentence for line in self.lines for sentence in self._split(line)]
        self._numbers: dict[str, list[Run]] = {}
        self._facts = [fact for fact in facts if fact.text]
        self.references = tuple(
            Reference(fact.label, fact.value, fact.evidence)
            for fact in self._facts
            if fact.label and fact.kind in ("order", "code") and len(fact.value) >= _LEAST_REFERENCE_DIGITS
        )

    def _split(self, line: Heard) -> Iterator[Sentence]:
        recap = False
        for text in sentences(line.text):
            plain = normalise(text)
            if plain:
                # "Let me recap." colours the rest of the line.
                recap = recap or plain in self.kit.data.cues["recap"]
                yield Sentence(line, text, plain, recap)

    def cued(self, name: str, sentence: Sentence) -> bool:
        """Whether the sentence has one of the language's cues ``name``."""
        return sentence.plain in self.kit.data.cues[name]

    def quote(self, sentence: Sentence) -> str:
        """The sentence as it may be written down: personal numbers masked, cut to a readable length."""
        return shorten(self.mask(sentence.text))

    def mask(self, text: str) -> str:
        """``text`` without long numbers that are neither a sum nor a reference: somebody's document or card."""
        known = {reference.digits for reference in self.references}
        for run in reversed(self.numbers(text)):
            if len(run.digits) >= _SECRET_DIGITS and run.digits not in known and not self._currency(run):
                text = f"{text[: run.start]}{MASK}{text[run.end :]}"
        return text

    def numbers(self, text: str) -> list[Run]:
        """The numbers in ``text``, found once."""
        known = self._numbers.get(text)
        if known is None:
            known = self._numbers[text] = find_numbers(text, self.language)
        return known

    # --- slots -----------------------------------------------------------------------------------------------

    def reason(self, told_by: str = "") -> Sentence | None:
        """The customer's sentence that says what they call for.

        It is sought in the line ``told_by``, which set the call's reason; else it is the first that sounds like one.
        """
        cues = self.kit.data.cues["reason"]
        said = [s for s in self.sentences if s.party == "customer" and not self.cued("identity", s)]
        telling_line = [s for s in said if s.heard.utterance_id == told_by and s.words >= _LEAST_REASON_WORDS]
        if telling_line:
            return max(telling_line, key=lambda s: (cues.count(s.plain), s.words))
        for least_words, least_cues in ((5, 1), (3, 1), (6, 0)):
            for sentence in said:
                count = cues.count(sentence.plain)
                telling = count > 0 or not self.cued("filler", sentence)
                if telling and sentence.words >= least_words and count >= least_cues:
                    return sentence
        return None

    def verified(self) -> Sentence | None:
        """Where the agent says that the customer's identity is verified."""
        return next((s for s in self.sentences if s.party == "agent" and self.cued("verified", s)), None)

    def promises(self) -> list[Sentence]:
        """The agent's commitments, those with a date first chosen, in the order they were made."""
        said = [
            s
            for s in self._agent_says()
            if self.cued("promise", s)
            and (self.cued("when", s) or not self.cued("commitment_no", s))
            and not self._is_act(s)
        ]
        dated = [s for s in said if self.cued("when", s)]
        # Without a date only a clear duty counts: "I will explain" is no promise, "I will call you" is.
        plain_said = [s for s in said if not s.recap and self.cued("callback", s)]
        fresh = [s for s in dated if not s.recap]
        return self._chosen(fresh or dated or plain_said, ("promise", "when", "callback"))

    def acts(self) -> list[Sentence]:
        """What the agent did or found."""
        said = [s for s in self._agent_says() if self._is_act(s) and not s.recap and not self.cued("verified", s)]
        return distinct(said)[:_MOST]

    def closing(self) -> tuple[Sentence | None, bool]:
        """The customer's last telling sentence and whether it is a satisfied one."""
        theirs = [s for s in self.sentences if s.party == "customer"][-_CLOSING_SENTENCES:]
        content: list[Sentence] = []
        for sentence in reversed(theirs):
            if self.cued("unsatisfied", sentence):
                if not content:
                    return sentence, False
                break
            if self.cued("satisfied", sentence):
                content.append(sentence)
        felt = max(content, key=lambda s: self.kit.sentiment.score(s.text, self.language), default=None)
        return felt, felt is not None

    def callback(self, promises: list[Sentence]) -> Sentence | None:
        """The promise somebody has to act on next."""
        return next((s for s in promises if self.cued("callback", s)), promises[0] if promises else None)

    def amounts(self) -> list[SummaryItem]:
        """Sums of money, each once."""
        shown = {CURRENCIES[self.language].get(word, ""): name for word, name in self.kit.data.currencies.items()}
        items = []
        for fact in self._facts:
            if fact.kind != "money":
                continue
            amount, _, code = fact.value.partition(" ")
            text = fact.text
            if code in shown and not any(ch in "$€£" for ch in fact.spoken):
                value = self.kit.style.number(
                    float(amount), places=None if float(amount).is_integer() else 2, group_from=4
                )
                text = say(self.language, "decide.amount", value=value, currency=shown[code])
            items.append(SummaryItem(slot="amount", text=text, evidence=fact.evidence))
        return items

    def dated(self, sentence: Sentence) -> str:
        """The quoted promise with the date it falls due, where it tells one."""
        moment = due(sentence.text, sentence.heard.t1, self.kit.zone, self.language, self.kit.data)
        text = self.quote(sentence)
        return say(self.language, "decide.due", text=text, date=written(moment)) if moment is not None else text

    def _chosen(self, said: list[Sentence], cues: tuple[str, ...]) -> list[Sentence]:
        """At most three that say different things, the richest in ``cues``, the later ones first among equals."""
        if len(said) > 2 * _LOOKED_AT:
            said = said[:_LOOKED_AT] + said[-_LOOKED_AT:]
        different = distinct(said)
        count = self.kit.data.cues
        rank = {s: (sum(count[name].count(s.plain) for name in cues), place) for place, s in enumerate(different)}
        best = sorted(different, key=lambda s: rank[s], reverse=True)[:_MOST]
        return [s for s in different if s in best]

    # --- inner -----------------------------------------------------------------------------------------------

    def _agent_says(self) -> list[Sentence]:
        return [
            s
            for s in self.sentences
            if s.party == "agent" and not s.asks and s.words >= 3 and not self.cued("closing", s)
        ]

    def _is_act(self, sentence: Sentence) -> bool:
        return self.cued("done", sentence) and not (self.cued("promise", sentence) and self.cued("when", sentence))

    def _currency(self, run: Run) -> str:
        for word in run.after.split():
            if word in self.kit.data.currencies:
                return self.kit.data.currencies[word]
            if word not in ("de", "mil", "millones"):
                break
        return run.symbol


def shorten(text: str, limit: int = _QUOTE_CHARS) -> str:
    """``text`` cut at a word, with an ellipsis, when it is longer than ``limit`` characters."""
    return text if len(text) <= limit else f"{text[:limit].rsplit(' ', 1)[0]}…"


def distinct(said: list[Sentence]) -> list[Sentence]:
    """Sentences that say different things: of two alike the later one, which is closer to what was agreed."""
    kept: list[Sentence] = []
    for sentence in said:
        kept = [other for other in kept if fuzz.token_set_ratio(other.plain, sentence.plain) < _SAME]
        kept.append(sentence)
    return kept
