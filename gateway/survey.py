"""The questions after a call, as a state machine without I/O: keys and time go in, recordings and events come out.

The call itself has ended (``CallEnded``, so the summary comes at once); only the customer's dialog is still up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from assist.config import SurveyQuestion
from assist.events import Event, SurveyAnswered, SurveyEnded, SurveyOutcome

KEY_GAP_S: Final = 2.0
"""After a key that may be the first of two."""
_TRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Say:
    """Play these recordings one after another instead of what is playing; call :meth:`SurveyRun.said` at the end."""

    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop playing: the customer is keying."""


@dataclass(frozen=True, slots=True)
class Report:
    """Send a durable event."""

    event: Event


@dataclass(frozen=True, slots=True)
class Finish:
    """Hang up the customer."""


SurveyCommand: TypeAlias = Say | Hush | Report | Finish


class SurveyRun:
    """One customer's survey. ``now`` in the methods is seconds UTC.

    A key counts while the question is still being read. A wrong key, or none, brings the question once more; a second
    wrong one the next question; a second silence ends the survey.

    Args:
        call_id: the call that has ended.
        questions: at least one.
        answer_s: seconds to wait for a key after a question.
    """

    def __init__(self, call_id: str, questions: Sequence[SurveyQuestion], *, answer_s: float) -> None:
        self._call_id = call_id
        self._questions = questions
        self._answer_s = answer_s
        self._at = 0
        self._tries = 0
        self._keyed = ""
        self._deadline: float | None = None
        self._answered = 0
        self._reported = False
        self.over = False
        """Nothing more will be asked or said."""

    def start(self, now: float) -> list[SurveyCommand]:
        """Greet and ask."""
        return [Say(("intro", self._question))]

    def said(self, now: float) -> list[SurveyCommand]:
        """What was to be played has been played."""
        if self.over:
            return []
        if self._reported:
            self.over = True
            return [Finish()]
        self._deadline = now + self._answer_s
        return []

    def key(self, key: str, now: float) -> list[SurveyCommand]:
        """The customer pressed a key."""
        if self._reported:
            return []
        low, high = self._questions[self._at].scale
        if key == "#" and self._keyed:
            return self._score(int(self._keyed), now)
        keyed = self._keyed + key
        if not keyed.isdigit() or not low <= int(keyed) <= high:
            self._keyed = ""
            return self._again(now, ("invalid",), skip=True)
        if int(keyed) * 10 <= high and int(keyed) > 0:
            self._keyed = keyed
            self._deadline = now + KEY_GAP_S
            return [Hush()]
        return self._score(int(keyed), now)

    def tick(self, now: float) -> list[SurveyCommand]:
        """Time has passed."""
        if self._deadline is None or now < self._deadline or self._reported:
            return []
        if self._keyed:
            return self._score(int(self._keyed), now)
        return self._again(now, (), skip=False)

    def gone(self, now: float) -> list[SurveyCommand]:
        """The customer hung up."""
        return self._break("hung_up", now)

    def break_off(self, now: float) -> list[SurveyCommand]:
        """This process stops."""
        return [*self._break("broken_off", now), Finish()]

    # --- parts ---------------------------------------------------------------------------------------------------

    @property
    def _question(self) -> str:
        return f"question.{self._questions[self._at].id}"

    def _score(self, score: int, now: float) -> list[SurveyCommand]:
        question = self._questions[self._at]
        low, high = question.scale
        self._answered += 1
        answer = SurveyAnswered(
            call_id=self._call_id, at=now, question_id=question.id, kind=question.kind, low=low, high=high, score=score
        )
        return [Report(answer), *self._next(now)]

    def _next(self, now: float) -> list[SurveyCommand]:
        self._keyed, self._tries, self._deadline = "", 0, None
        if self._at + 1 == len(self._questions):
            return self._close(now)
        self._at += 1
        return [Say((self._question,))]

    def _again(self, now: float, before: tuple[str, ...], *, skip: bool) -> list[SurveyCommand]:
        self._tries += 1
        self._deadline = None
        if self._tries < _TRIES:
            return [Say((*before, self._question))]
        return self._next(now) if skip else self._close(now)

    def _close(self, now: float) -> list[SurveyCommand]:
        outcome: SurveyOutcome = "completed" if self._answered else "unanswered"
        goodbye = Say(("thanks" if self._answered else "goodbye",))
        return [*self._report(outcome, now), goodbye]

    def _break(self, outcome: SurveyOutcome, now: float) -> list[SurveyCommand]:
        self.over = True
        return self._report(outcome, now)

    def _report(self, outcome: SurveyOutcome, now: float) -> list[SurveyCommand]:
        if self._reported:
            return []
        self._reported = True
        self._deadline = None
        event = SurveyEnded(call_id=self._call_id, at=now, outcome=outcome, asked=self._at + 1, answered=self._answered)
        return [Report(event)]
