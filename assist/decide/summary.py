"""The summary: drafted when the call is over, redrafted when something arrives late or the agent corrects it.

It is extractive: every item quotes the call or repeats a number said in it, and names the lines it rests on.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final, get_args

from assist.corrections import place_of
from assist.decide.extract import Sentence, Transcript
from assist.decide.kit import Decision, Kit
from assist.decide.playbook import Outcome
from assist.decide.sentiment import mood_of, trend_of
from assist.decide.state import SessionState, Stimulus, Tick
from assist.events import AgentDid, Heard, Mood, SummaryDrafted, SummaryItem, SummarySlot, TranscriptSettled
from assist.strings import say

DRAFT_AFTER_S: Final = 1.5
"""Seconds after the call's end at which the draft is made even if the transcript is not settled."""
BY_AGENT: Final = ("agent",)
"""Evidence of an item the agent wrote where the draft had none."""
_EDGE_TURNS: Final = 2
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
    return draft.items, draft.disposition, draft.mood_start, draft.mood_end, draft.tags


def _draft(state: SessionState, at: float, kit: Kit) -> SummaryDrafted:
    language = kit.playbook.language
    items: list[SummaryItem] = []
    start: Mood = "neutral"
    end: Mood = "neutral"
    if state.answered_at is None:
        disposition = say(language, "decide.disposition_no_answer")
    else:
        items, outcome = _items(state, kit)
        start, end, mood = _moods(state, kit)
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
    )


def _items(state: SessionState, kit: Kit) -> tuple[list[SummaryItem], Outcome | None]:
    language = kit.playbook.language
    transcript = Transcript(state.in_order(), kit, state.facts.values())
    items: list[SummaryItem] = []

    tag = next((tag for tag in state.tags if tag.kind == "reason"), None)
    reason = transcript.reason(tag.evidence[0] if tag is not None and tag.evidence else "")
    if reason is not None:
        text = say(language, "decide.quote", text=transcript.quote(reason))
        if tag is not None:
            text = say(language, "decide.reason_tagged", label=tag.label, quote=text)
        items.append(_item("reason", text, _ids(reason)))

    verified = transcript.verified()
    if verified is not None:
        items.append(_item("done", say(language, "decide.verified"), _ids(verified)))
    items += [_item("done", transcript.quote(act), _ids(act)) for act in transcript.acts()]
    promises = transcript.promises()
    items += [_item("promise", transcript.dated(promise), _ids(promise)) for promise in promises]
    items += transcript.amounts()
    for found in transcript.references:
        text = say(language, "decide.reference", name=found.name, digits=found.digits)
        items.append(_item("reference", text, found.evidence))
    outcome, said = _outcome(state, transcript, promises)
    items += said
    following = transcript.callback(promises)
    if following is not None:
        items.append(_item("next_step", transcript.dated(following), _ids(following)))
    return items, outcome


def _ids(*said: Sentence) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentence.heard.utterance_id for sentence in said))


def _outcome(
    state: SessionState, transcript: Transcript, promises: list[Sentence]
) -> tuple[Outcome | None, list[SummaryItem]]:
    language = transcript.language
    closing, content = transcript.closing()
    quote = say(language, "decide.quote", text=transcript.quote(closing)) if closing is not None else ""
    if state.transferred_to:
        last = state.lines[-1:]
        text = say(language, "decide.outcome_transferred", target=state.transferred_to)
        return "transferred", [_item("outcome", text, (line.utterance_id,)) for line in last]
    if closing is not None and not content:
        text = say(language, "decide.outcome_unresolved", quote=quote)
        return "unresolved", [_item("outcome", text, _ids(closing))]
    if promises and closing is not None:
        text = say(language, "decide.outcome_follow_up_content", quote=quote)
        return "follow_up", [_item("outcome", text, _ids(*promises, closing))]
    if promises:
        return "follow_up", [_item("outcome", say(language, "decide.outcome_follow_up"), _ids(*promises))]
    if closing is not None:
        text = say(language, "decide.outcome_resolved", quote=quote)
        return "resolved", [_item("outcome", text, _ids(closing))]
    return None, []


def _moods(state: SessionState, kit: Kit) -> tuple[Mood, Mood, list[SummaryItem]]:
    turns = [line for line in state.in_order() if line.party == "customer"]
    first, last = _felt(turns, kit), _felt(reversed(turns), kit)[::-1]
    if not first:
        return "neutral", "neutral", []
    if first == last:
        first, last = first[:1], last[-1:]  # so few moods that both ends would be the same
    start = mood_of(trend_of([score for score, _ in reversed(first)]))
    end = mood_of(trend_of([score for score, _ in last]))
    language = kit.playbook.language
    began, ended = say(language, f"decide.mood_{start}"), say(language, f"decide.mood_{end}")
    if start == end:
        text = say(language, "decide.mood_same", start=began)
    else:
        text = say(language, "decide.mood_change", start=began, end=ended)
    evidence = tuple(dict.fromkeys((first[0][1], last[-1][1])))
    return start, end, [_item("mood", text, evidence)]


def _felt(turns: Iterable[Heard], kit: Kit) -> list[tuple[float, str]]:
    """Score and id of the first turns that have a mood."""
    felt = ((kit.mood(turn), turn.utterance_id) for turn in turns)
    return list(islice(((score, uid) for score, uid in felt if score), _EDGE_TURNS))


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
            new = [_item(items[at].slot, text, items[at].evidence)] if text else []
            items = [*items[:at], *new, *items[at + 1 :]]
        elif text:
            slot = action.target.partition(".")[0]
            items = [*items, *(_item(known, text, BY_AGENT) for known in _SLOTS if known == slot)]
    return items, disposition
