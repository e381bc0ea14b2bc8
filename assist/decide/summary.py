"""The summary: drafted when the call is over, redrafted when something arrives late or the agent corrects it.

It is extractive: every item quotes the call or repeats a number said in it, and names the lines it rests on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, get_args

from assist.corrections import place_of
from assist.decide import extract
from assist.decide.kit import Decision, Feeling, Kit
from assist.decide.promises import Promise, next_step, promises
from assist.decide.state import SessionState, Stimulus, Tick
from assist.decide.sums import amounts
from assist.decide.transcript import Sentence, Transcript
from assist.events import AgentDid, Heard, Mood, Outcome, SummaryDrafted, SummaryItem, SummarySlot, TranscriptSettled
from assist.strings import say

DRAFT_AFTER_S: Final = 1.5
"""Seconds after the call's end at which the draft is made even if the transcript is not settled."""
BY_AGENT: Final = ("agent",)
"""Evidence of an item the agent wrote where the draft had none."""
_EDGE_TURNS: Final = 3
"""So many of the customer's turns, but at most half of them, belong to either end of the call."""
_TROUBLED: Final = 0.35
"""Probability of a bad mood from which one of the first turns makes the start a bad one. This and the next three were
chosen on the development calls (bench/judge/data/calls, ``dev``)."""
_BAD: Final = 0.55
_GOOD: Final = 0.4
"""Weighted mean probability of a bad and of a good mood from which the turns at the end are that."""
_CALM: Final = 0.05
"""Weight of a turn that is surely neutral."""
_SLOTS: Final[tuple[SummarySlot, ...]] = get_args(SummarySlot)


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """A first draft when its time has come; a further one when ``stimulus`` changes what it says."""
    if state.ended_at is None:
        return []
    if state.summary is None:
        if not (state.settled or state.answered_at is None or stimulus.at >= state.ended_at + DRAFT_AFTER_S):
            return []
    elif isinstance(stimulus, Tick) or not _matters(stimulus):
        return []
    draft = _draft(state, stimulus.at, kit)
    if state.summary is not None and _content(draft) == _content(state.summary):
        return []
    return [(draft, f"summary.{draft.revision}")]


def _item(slot: SummarySlot, text: str, evidence: tuple[str, ...]) -> SummaryItem:
    return SummaryItem(slot=slot, text=text, evidence=evidence)


def _matters(stimulus: Stimulus) -> bool:
    if isinstance(stimulus, Heard):
        return stimulus.final
    return isinstance(stimulus, TranscriptSettled) or (
        isinstance(stimulus, AgentDid) and stimulus.action == "summary_edited"
    )


def _content(draft: SummaryDrafted) -> tuple[object, ...]:
    return draft.items, draft.disposition, draft.mood_start, draft.mood_end, draft.tags, draft.outcome, draft.message


def _draft(state: SessionState, at: float, kit: Kit) -> SummaryDrafted:
    language = kit.playbook.language
    items: list[SummaryItem] = []
    outcome: Outcome | None = None
    start: Mood = "neutral"
    end: Mood = "neutral"
    if state.answered_at is None:
        disposition = say(language, "decide.disposition_no_answer")
    else:
        items, outcome = _items(state, kit)
        start, end, mood = moods(state.in_order(), kit)
        items += mood
        disposition = _disposition(state, outcome, kit)
    items, disposition = _edited(state, items, disposition)
    return SummaryDrafted(
        call_id=state.call_id,
        at=at,
        revision=(state.summary.revision if state.summary is not None else 0) + 1,
        items=tuple(items),
        disposition=disposition,
        mood_start=start,
        mood_end=end,
        tags=state.tags,
        outcome=outcome or "",
        message=_message(items, kit),
    )


def _items(state: SessionState, kit: Kit) -> tuple[list[SummaryItem], Outcome | None]:
    transcript = Transcript(state.in_order(), kit, state.facts.values())
    items, owed = told(state, transcript)
    outcome, said = _outcome(state, transcript, owed)
    items += said
    items += following(transcript, owed)
    return items, outcome


def following(transcript: Transcript, owed: Sequence[Promise]) -> list[SummaryItem]:
    """The next step as an item, if there is one."""
    step = next_step(owed)
    return [_promise("next_step", step, transcript)] if step is not None else []


def told(state: SessionState, transcript: Transcript) -> tuple[list[SummaryItem], list[Promise]]:
    """Reason, acts, promises, sums and references as items, and the promises themselves."""
    language = transcript.language
    items: list[SummaryItem] = []
    tag = next((tag for tag in state.tags if tag.kind == "reason"), None)
    reason = extract.reason(transcript, tag.evidence[0] if tag is not None and tag.evidence else "")
    if reason is not None:
        text = say(language, "decide.quote", text=transcript.quote(reason))
        evidence = _ids(reason)
        if tag is not None:
            text = say(language, "decide.reason_tagged", label=tag.label, quote=text)
            evidence = tuple(dict.fromkeys((*evidence, *tag.evidence)))
        items.append(_item("reason", text, evidence))
    verified = extract.verified(transcript)
    if verified is not None:
        items.append(_item("done", say(language, "decide.verified"), _ids(verified)))
    items += [
        replace(_item("done", transcript.quote(act), _ids(act)), party="agent") for act in extract.acts(transcript)
    ]
    owed = promises(transcript)
    items += [_promise("promise", promise, transcript) for promise in owed]
    items += amounts(transcript)
    for found in transcript.references:
        text = say(language, "decide.reference", name=found.name, digits=found.digits)
        items.append(replace(_item("reference", text, found.evidence), value=found.digits))
    return items, owed


def _promise(slot: SummarySlot, promise: Promise, transcript: Transcript) -> SummaryItem:
    """A promise in words: the quotation, the question it answers, who owes it if that is the customer, and the date."""
    language = transcript.language
    text = transcript.quote(promise.said)
    if promise.answers is not None:
        text = f"{transcript.quote(promise.answers)} {text}"
    if promise.party == "customer":
        text = say(language, "decide.by_customer", text=text)
    if promise.due:
        text = say(language, "decide.due", text=text, date=promise.due)
    return replace(_item(slot, text, promise.evidence), party=promise.party, due=promise.due.replace(" ", "T"))


def _message(items: Sequence[SummaryItem], kit: Kit) -> str:
    """A message to the customer, made of what the items say and nothing else; empty when nothing is to be confirmed."""
    language = kit.playbook.language
    lines: list[str] = []
    for slot, key in (("done", "message_done"), ("reference", "message_reference"), ("promise", "message_promise")):
        told = [item.text for item in items if item.slot == slot and item.party != "customer"]
        told = [text for text in told if text != say(language, "decide.verified")]
        if told:
            lines += ["", say(language, f"decide.{key}"), *(f"- {text}" for text in told)]
    if not lines:
        return ""
    theirs = [item.text for item in items if item.slot == "promise" and item.party == "customer"]
    if theirs:
        lines += ["", say(language, "decide.message_customer"), *(f"- {text}" for text in theirs)]
    return "\n".join((say(language, "decide.message_greeting"), *lines, "", say(language, "decide.message_end")))


def _ids(*said: Sentence) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentence.heard.utterance_id for sentence in said))


def _outcome(
    state: SessionState, transcript: Transcript, promised: Sequence[Promise]
) -> tuple[Outcome | None, list[SummaryItem]]:
    language = transcript.language
    closing, content = extract.closing(transcript)
    quote = say(language, "decide.quote", text=transcript.quote(closing)) if closing is not None else ""
    if state.transferred_to:
        last = state.lines[-1:]
        text = say(language, "decide.outcome_transferred", target=state.transferred_to)
        return "transferred", [_item("outcome", text, (line.utterance_id,)) for line in last]
    if closing is not None and not content:
        text = say(language, "decide.outcome_unresolved", quote=quote)
        return "unresolved", [_item("outcome", text, _ids(closing))]
    owed = tuple(dict.fromkeys(uid for promise in promised if promise.party == "agent" for uid in promise.evidence))
    if owed and closing is not None:
        text = say(language, "decide.outcome_follow_up_content", quote=quote)
        return "follow_up", [_item("outcome", text, tuple(dict.fromkeys((*owed, *_ids(closing)))))]
    if owed:
        return "follow_up", [_item("outcome", say(language, "decide.outcome_follow_up"), owed)]
    if closing is not None:
        text = say(language, "decide.outcome_resolved", quote=quote)
        return "resolved", [_item("outcome", text, _ids(closing))]
    return None, []


def moods(lines: Iterable[Heard], kit: Kit) -> tuple[Mood, Mood, list[SummaryItem]]:
    """The customer's mood at the start and at the end of ``lines``, and an item that says both.

    Only what is said near an end tells of it: thanks at the end are no good mood at the start.
    """
    turns = [line for line in lines if line.party == "customer"]
    edge = min(_EDGE_TURNS, (len(turns) + 1) // 2)
    first = [(kit.feeling(turn), turn.utterance_id) for turn in turns[:edge]]
    last = [(kit.feeling(turn), turn.utterance_id) for turn in turns[-edge:]] if len(turns) > 1 else first
    start, began = _came(first)
    end, left = _leaves(last)
    if start == end == "neutral":
        return "neutral", "neutral", []
    language = kit.playbook.language
    words = say(language, f"decide.mood_{start}"), say(language, f"decide.mood_{end}")
    if start == end:
        text = say(language, "decide.mood_same", start=words[0])
    else:
        text = say(language, "decide.mood_change", start=words[0], end=words[1])
    evidence = tuple(dict.fromkeys(uid for uid in (began, left) if uid))
    return start, end, [_item("mood", text, evidence)]


def _came(turns: Sequence[tuple[Feeling, str]]) -> tuple[Mood, str]:
    """How the customer came, and the line that tells: people say what is wrong once, and in a civil tone, so one line
    that may well be a complaint is enough."""
    worst = max(turns, key=lambda turn: turn[0].negative, default=None)
    if worst is not None and worst[0].negative >= _TROUBLED:
        return "negative", worst[1]
    return _leaves(turns)


def _leaves(turns: Sequence[tuple[Feeling, str]]) -> tuple[Mood, str]:
    """How the customer feels in ``turns`` as a whole, and the line that tells most; what is said without feeling
    ("yes, Friday") counts for next to nothing."""
    weights = [1.0 + _CALM - feeling.neutral for feeling, _ in turns]
    total = sum(weights) or 1.0
    bad = sum(weight * feeling.negative for weight, (feeling, _) in zip(weights, turns, strict=True)) / total
    good = sum(weight * feeling.positive for weight, (feeling, _) in zip(weights, turns, strict=True)) / total
    if bad < _BAD and good < _GOOD:
        return "neutral", ""
    if (bad - _BAD) / (1 - _BAD) >= (good - _GOOD) / (1 - _GOOD):
        return "negative", max(turns, key=lambda turn: turn[0].negative)[1]
    return "positive", max(turns, key=lambda turn: turn[0].positive)[1]


def _disposition(state: SessionState, outcome: Outcome | None, kit: Kit) -> str:
    tags = {tag.value for tag in state.tags}
    for candidate in kit.playbook.dispositions:
        fits_tags = not candidate.tags or tags.intersection(candidate.tags)
        if fits_tags and (not candidate.outcome or outcome in candidate.outcome):
            return candidate.label
    return say(kit.playbook.language, f"decide.disposition_{outcome or 'other'}")


def _edited(state: SessionState, items: list[SummaryItem], disposition: str) -> tuple[list[SummaryItem], str]:
    """The draft with the agent's corrections, in the order they were made.

    An edit's target is ``disposition`` or an item as :mod:`assist.corrections` names it. Empty text removes the item.
    """
    for action in state.agent_did:
        if action.action != "summary_edited":
            continue
        text = action.text.strip()
        if action.target == "disposition":
            disposition = text or disposition
            continue
        at = place_of(items, action.target)
        if at is not None:
            # The agent's words are not ours to read: what machines are told of the old ones goes with them.
            new = [replace(_item(items[at].slot, text, items[at].evidence), party=items[at].party)] if text else []
            items = [*items[:at], *new, *items[at + 1 :]]
        elif text:
            slot = action.target.partition(".")[0]
            items = [*items, *(_item(known, text, BY_AGENT) for known in _SLOTS if known == slot)]
    return items, disposition
