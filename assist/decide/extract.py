"""What a call was about, what was done in it and how it ended: sentences of the call, each with its line."""

from collections.abc import Iterator
from typing import Final

from assist.decide.transcript import Sentence, Transcript, distinct

_LEAST_REASON_WORDS: Final = 3
_REASON_TURNS: Final = 6
"""Customer's turns in which the reason is sought: later ones answer the agent."""
_FIRST_TURNS: Final = 2
_MOST: Final = 4
_SHORT: Final = 9
_CLOSING_SENTENCES: Final = 4


def reason(talk: Transcript, told_by: str = "") -> Sentence | None:
    """The customer's sentence that says what they call for.

    Sought in their first turns, ``told_by`` among them preferred: the line that set the call's reason.
    """
    cues = talk.kit.data.cues["reason"]
    turns = list(dict.fromkeys(s.heard.utterance_id for s in talk.sentences if s.party == "customer"))
    early = set(turns[:_REASON_TURNS])
    said = [
        s
        for s in talk.sentences
        if s.heard.utterance_id in early and not talk.cued("identity", s) and not _says_nothing(talk, s)
    ]
    telling_line = [s for s in said if s.heard.utterance_id == told_by and s.words >= _LEAST_REASON_WORDS]
    if telling_line:
        return max(telling_line, key=lambda s: (not s.does.meta, cues.count(s.plain), s.words))
    # What comes first is what they call for; later turns answer the agent's questions.
    first = set(list(dict.fromkeys(s.heard.utterance_id for s in said if not s.does.meta))[:_FIRST_TURNS])
    for among in (first, early):
        for least_words, least_cues in ((4, 1), (4, 0)):
            for sentence in said:
                fits = sentence.words >= least_words and cues.count(sentence.plain) >= least_cues
                if fits and not sentence.does.meta and sentence.heard.utterance_id in among:
                    return sentence
    return next((s for s in said if s.words >= _LEAST_REASON_WORDS), None)


def _says_nothing(talk: Transcript, sentence: Sentence) -> bool:
    """A greeting and little else."""
    rest = talk.kit.data.cues["filler"].pattern.sub(" ", sentence.plain)
    return len(rest.split()) < _LEAST_REASON_WORDS


def verified(talk: Transcript) -> Sentence | None:
    """Where the agent says that the customer's identity is verified."""
    return next((s for s in talk.sentences if s.party == "agent" and talk.cued("verified", s)), None)


def acts(talk: Transcript) -> list[Sentence]:
    """What the agent did, at most four."""
    return distinct([s for s in _agent_tells(talk) if _is_act(talk, s) and not s.recap])[-_MOST:]


def _agent_tells(talk: Transcript) -> Iterator[Sentence]:
    for s in talk.sentences:
        if s.party == "agent" and not s.asks and s.words >= 3 and not talk.cued("closing", s):
            yield s


def _is_act(talk: Transcript, s: Sentence) -> bool:
    if s.does.condition and not any(clause.done and clause.binds for clause in s.clauses[:1]):
        return False
    return any(clause.done and clause.binds for clause in s.clauses) and not (
        talk.cued("verified", s) and s.words < _SHORT
    )


def closing(talk: Transcript) -> tuple[Sentence | None, bool]:
    """The customer's last telling sentence and whether it is a satisfied one."""
    theirs = [s for s in talk.sentences if s.party == "customer"][-_CLOSING_SENTENCES:]
    content: list[Sentence] = []
    for sentence in reversed(theirs):
        if sentence.does.unhappy or talk.cued("unsatisfied", sentence):
            if not content or sentence.place >= theirs[-1].place - 1:
                return sentence, False
            break
        if sentence.does.happy or talk.cued("satisfied", sentence):
            content.append(sentence)
    felt = max(content, key=lambda s: talk.kit.sentiment.score(s.text, talk.language), default=None)
    return felt, felt is not None
