"""Who owes what by when: what the agent commits the company to, and what the customer says they will do.

Quiet when unsure: a date alone is no promise. Bills fall due, courses begin, offices are open on days that are told;
a promise needs a verb of doing, or has to answer the other party's question after the time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from assist.decide.acts import Signs, plain
from assist.decide.due import written
from assist.decide.transcript import Sentence, Transcript, alike
from assist.events import Language, Party

_MOST: Final = 4
_CUSTOMERS: Final = 2
_ELLIPSIS_WORDS: Final = 9
_ANSWER_TURNS: Final = 6
"""A commitment that was objected to is replaced by the next of its kind within so many sentences."""
_TAKEN_OVER: Final = 3
"""Sentences within which the customer says that a date told is theirs to keep."""
_THAT_DAY: Final[dict[Language, re.Pattern[str]]] = {
    "es": re.compile(r"\b(?:(?:ese|este|aquel) dia|esa (?:manana|tarde|fecha)|a esa hora)\b"),
    "en": re.compile(r"\b(?:that (?:day|morning|afternoon|date)|at that time|then)\b"),
}
_WHENISH: Final[dict[Language, tuple[str, ...]]] = {
    "es": (
        "apenas",
        "cuando",
        "en cuanto",
        "minutos",
        "un rato",
        "próxim",
        "pronto",
        "más tarde",
        "al terminar",
        "ahora",
        "antes",
    ),
    "en": (
        "as soon as",
        "when ",
        "once ",
        "in a few",
        "shortly",
        "soon",
        "next",
        "later",
        "in a moment",
        "now",
        "before",
    ),
}
"""Words that tell a time without a date."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Something somebody owes: by whom, when, and the question it answers where it is half a sentence."""

    said: Sentence
    moment: datetime | None
    answers: Sentence | None = None
    also: tuple[Sentence, ...] = ()

    @property
    def party(self) -> Party:
        """Who owes it."""
        return self.said.party

    @property
    def calls_back(self) -> bool:
        """Whether somebody has to get in touch."""
        return self.said.does.contact

    @property
    def evidence(self) -> tuple[str, ...]:
        """The lines it rests on."""
        said = (*((self.answers,) if self.answers else ()), self.said, *self.also)
        return tuple(dict.fromkeys(sentence.heard.utterance_id for sentence in said))

    @property
    def due(self) -> str:
        """The ISO date (or minute) it falls due; empty when none was told."""
        return written(self.moment) if self.moment is not None else ""


def promises(talk: Transcript) -> list[Promise]:
    """What is owed, by either party, in the order it was promised; at most four by the agent, two by the customer."""
    owed = _owed(talk)
    ours = [promise for promise in owed if promise.party == "agent"]
    if len(ours) > _MOST:
        best = sorted(ours, key=lambda p: (p.moment is not None, p.calls_back, p.said.place), reverse=True)[:_MOST]
        ours = [promise for promise in ours if promise in best]
    theirs = [promise for promise in owed if promise.party == "customer"]
    return sorted((*ours, *theirs[-_CUSTOMERS:]), key=lambda promise: promise.said.place)


def next_step(owed: Sequence[Promise]) -> Promise | None:
    """The promise somebody has to act on next: the company's, to get in touch if there is one."""
    ours = [promise for promise in owed if promise.party == "agent"]
    touch = [promise for promise in ours if promise.calls_back and promise.said.place > 0]
    rank = touch or ours or list(owed)
    return rank[0] if rank else None


def _owed(talk: Transcript) -> list[Promise]:
    owed: list[Promise] = []
    for sentence in talk.sentences:
        promise = _agents(talk, sentence) if sentence.party == "agent" else _customers(talk, sentence)
        if sentence.party == "customer":
            owed = [old for old in owed if not _rejected(talk, sentence, old)]
        if promise is None:
            _confirm(talk, sentence, owed)
            continue
        owed = [old for old in owed if not _replaces(talk, promise, old) and not _takes_over(promise, old)]
        same = next((n for n, old in enumerate(owed) if _repeats(promise, old)), None)
        if same is None:
            owed.append(promise)
        elif promise.said.words > owed[same].said.words and not promise.said.recap:
            old = owed[same]
            owed[same] = replace(promise, also=(*old.also, old.said, *promise.also))
        else:
            owed[same] = replace(owed[same], also=(*owed[same].also, promise.said))
    return owed


def _agents(talk: Transcript, s: Sentence) -> Promise | None:
    """The agent's commitment in ``s``, said outright."""
    if s.asks or s.does.condition or talk.cued("closing", s):
        return None
    outright = [clause for clause in s.clauses if not (clause.offer or clause.refused)]
    if not outright:
        return None
    does = s.does
    future = any(clause.future for clause in outright)
    notify = any(clause.notify for clause in outright)
    scheduled = any(clause.scheduled and clause.done for clause in outright) and not _about_bills(talk, s)
    asked = _asked_when(talk, s) if s.words <= _ELLIPSIS_WORDS else None
    moment = talk.due(s, how_long=asked is not None)
    if moment is None:
        # "We'll text you when it's fixed" tells of no act.
        if (does.done and not (future and notify)) or does.past or does.state:
            return None
        said = plain(s.text)
        whenish = any(word in said for word in _WHENISH[talk.language])
        return Promise(s, None) if (notify or future) and whenish else None
    bound = future or notify or scheduled
    if does.state or (does.past and not (future or scheduled or (notify and does.contact))):
        return None
    if any(clause.offer for clause in s.clauses) and not bound:
        return None
    if bound or any(clause.duty for clause in outright):
        today = moment.date() == datetime.fromtimestamp(s.heard.t1, talk.zone).date()
        to_the_day = (moment.hour, moment.minute) == (0, 0)
        return None if today and to_the_day and not bound else Promise(s, moment)
    if asked is not None:
        return None if asked.does.state or asked.does.bill else Promise(s, moment, answers=asked)
    return Promise(s, moment) if _agrees(talk, s, moment) else None


def _agrees(talk: Transcript, s: Sentence, moment: datetime) -> bool:
    """Whether ``s`` settles on the day the customer has just named: "mejor el jueves" "listo, el jueves entonces"."""
    if s.words > _ELLIPSIS_WORDS or _about_bills(talk, s) or s.does.done:
        return False
    # The day may have come up a moment earlier: "¿el miércoles?" "sí, el miércoles está bien".
    return any(
        day.date() == moment.date() and not (one.does.owes or one.does.bill) and not _unsuited(does)
        for one in talk.turn_before(s)
        for day, does in talk.days(one)
    )


def _unsuited(does: Signs) -> bool:
    """Whether a clause with a day says that the day does not suit."""
    return does.unfit or does.objects


def _rejected(talk: Transcript, s: Sentence, old: Promise) -> bool:
    """Whether the customer says in ``s`` that the day of the agent's ``old`` promise does not suit them."""
    if old.party != "agent" or old.moment is None or not 0 < s.place - old.said.place <= _ANSWER_TURNS:
        return False
    day = old.moment.date()
    named = talk.days(s)
    if any(moment.date() == day and not _unsuited(does) for moment, does in named):
        return False
    if any(moment.date() == day for moment, _ in named):
        return True
    return bool(_THAT_DAY[talk.language].search(s.plain)) and any(_unsuited(does) for does in s.clauses)


def _about_bills(talk: Transcript, s: Sentence) -> bool:
    """Whether a date in ``s`` is one to pay by: "¿y el vencimiento?" "se lo pasé para el 14"."""
    return s.does.bill or any(one.asks and one.does.bill for one in talk.turn_before(s)[-1:])


def _customers(talk: Transcript, s: Sentence) -> Promise | None:
    """What the customer says they will do themselves, with the day they will."""
    if s.asks or not any(clause.owes and not clause.threat and not clause.condition for clause in s.clauses):
        return None
    if s.does.condition:
        return None
    moment = talk.due(s)
    return Promise(s, moment) if moment is not None else None


def _asked_when(talk: Transcript, s: Sentence) -> Sentence | None:
    """The other party's question after a time just before ``s``."""
    return next((one for one in reversed(talk.turn_before(s)) if one.does.when_asked and one.asks), None)


def _confirm(talk: Transcript, s: Sentence, owed: list[Promise]) -> None:
    """A short line of the agent's that says a promise's day again rests it on one more line: "así es, viernes 4"."""
    if s.party != "agent" or s.asks or s.words > _ELLIPSIS_WORDS or not owed or s.does.refused:
        return
    moment = talk.due(s)
    if moment is None:
        return
    for n, old in enumerate(owed):
        if old.party == "agent" and old.moment is not None and old.moment.date() == moment.date():
            owed[n] = replace(old, also=(*old.also, s))


def _replaces(talk: Transcript, new: Promise, old: Promise) -> bool:
    """Whether ``new`` came because the customer objected to ``old``: same kind, another day, soon after."""
    if new.party != "agent" or old.party != "agent" or new.moment is None or old.moment is None:
        return False
    if new.moment == old.moment or new.said.place - old.said.place > _ANSWER_TURNS:
        return False
    if new.calls_back != old.calls_back:
        return False
    between = [s for s in talk.sentences[old.said.place + 1 : new.said.place] if s.party == "customer"]
    if any(s.does.objects and not s.does.when_asked for s in between[:3]):
        return True
    # "Mejor el jueves": the day that holds is theirs.
    proposed = {
        moment.date() for s in between if not s.does.owes for moment, does in talk.days(s) if not _unsuited(does)
    }
    return (
        new.moment.date() in proposed and old.moment.date() not in proposed and new.moment.date() != old.moment.date()
    )


def _takes_over(new: Promise, old: Promise) -> bool:
    """Whether the agent only told when the customer has something to do: "¿cuándo es?" "el 5" "yo la pago el 5"."""
    if new.party != "customer" or old.party != "agent" or old.answers is None:
        return False
    if new.moment is None or old.moment is None or new.moment.date() != old.moment.date():
        return False
    return new.said.place - old.said.place <= _TAKEN_OVER


def _repeats(new: Promise, old: Promise) -> bool:
    if new.party != old.party:
        return False
    if new.moment is not None and old.moment is not None and new.moment.date() != old.moment.date():
        return False
    half = new.moment is not None and new.said.words <= _ELLIPSIS_WORDS and not new.said.does.notify
    return (half and new.moment == old.moment) or new.said.recap or alike(new.said, old.said)
