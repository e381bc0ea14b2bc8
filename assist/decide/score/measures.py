"""How each measure of a scorecard is taken from a finished call: a share 0..1 of the points and the lines behind it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from assist.decide.kit import Kit
from assist.decide.metrics import measure as figures
from assist.decide.score.card import Item, Measure
from assist.decide.sentiment import MOOD_EDGE
from assist.decide.state import SessionState
from assist.decide.text import as_said
from assist.events import Heard, MetricsChanged
from assist.strings import say

_EDGE_LINES: Final = 3
_MOST_EVIDENCE: Final = 6
_ANSWERS: Final = 3
"""Agent's lines after a customer's bad one in which a word of empathy counts."""
_HONORIFIC: Final = re.compile(
    r"\b(?:señora?|señorita|don|doña|sr\.?|sra\.?|mr\.?|mrs\.?|ms\.?|miss|sir|ma'?am)\b(?: [A-ZÁÉÍÓÚÑ]\w+)?",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"(?<=[\w,] )[A-ZÁÉÍÓÚÑ][a-záéíóúñ]{2,}\b")
_OUTCOME: Final = {"resolved": 1.0, "follow_up": 0.8, "transferred": 0.5, "unresolved": 0.0}


@dataclass(frozen=True, slots=True)
class Finding:
    """``share`` of the points, None where the call gave no occasion; ``why`` in a sentence; ``evidence`` lines."""

    share: float | None
    why: str
    evidence: tuple[str, ...] = ()


def take(item: Item, state: SessionState, kit: Kit) -> Finding:
    """The finding of one item. ``state`` is over and has its summary."""
    return _MEASURES[item.measure](item, state, kit)


def _say(kit: Kit, key: str, **values: object) -> str:
    return say(kit.playbook.language, f"score.{key}", **values)


def _agent(state: SessionState) -> list[Heard]:
    return [line for line in state.in_order() if line.party == "agent"]


def _hits(item: Item, lines: Iterable[Heard], kit: Kit) -> tuple[str, ...]:
    phrases = kit.score_index
    found = (line.utterance_id for line in lines if phrases.best(item.phrases, as_said(line)))
    return tuple(found)[:_MOST_EVIDENCE]


def _rules(item: Item, state: SessionState, kit: Kit) -> Finding:
    wanted = [rule for rule in kit.playbook.rules if not item.rules or rule.id in item.rules]
    seen = [(rule, state.checklist[rule.id]) for rule in wanted if rule.id in state.checklist]
    judged = [(rule, one) for rule, one in seen if one.state in ("met", "missed", "forbidden_said")]
    if not judged:
        return Finding(None, _say(kit, "no_occasion"))
    broken = [rule.label for rule, one in judged if one.state != "met"]
    evidence = tuple(dict.fromkeys(uid for _, one in judged for uid in one.evidence))[:_MOST_EVIDENCE]
    why = _say(kit, "rules_broken", labels=", ".join(broken)) if broken else _say(kit, "rules_met", count=len(judged))
    return Finding(1 - len(broken) / len(judged), why, evidence)


def _says(item: Item, state: SessionState, kit: Kit) -> Finding:
    lines = _agent(state)
    lines = (
        lines[:_EDGE_LINES] if item.where == "opening" else lines[-_EDGE_LINES:] if item.where == "closing" else lines
    )
    if not lines:
        return Finding(None, _say(kit, "no_occasion"))
    hits = _hits(item, lines, kit)
    looked_at = tuple(line.utterance_id for line in lines) if item.where != "any" else ()
    return Finding(1.0, _say(kit, "said"), hits) if hits else Finding(0.0, _say(kit, "not_said"), looked_at)


def _never_says(item: Item, state: SessionState, kit: Kit) -> Finding:
    lines = _agent(state)
    if not lines:
        return Finding(None, _say(kit, "no_occasion"))
    hits = _hits(item, lines, kit)
    return Finding(0.0, _say(kit, "said_forbidden"), hits) if hits else Finding(1.0, _say(kit, "never_said"))


def _names(item: Item, state: SessionState, kit: Kit) -> Finding:
    lines = _agent(state)
    if not lines:
        return Finding(None, _say(kit, "no_occasion"))
    told = {name for line in state.lines if line.party == "customer" for name in _NAME.findall(f". {line.text}")}
    hits = tuple(
        line.utterance_id
        for line in lines[1:]
        if _HONORIFIC.search(line.text) or told.intersection(_NAME.findall(f", {line.text}"))
    )[:_MOST_EVIDENCE]
    return Finding(1.0, _say(kit, "named"), hits) if hits else Finding(0.0, _say(kit, "not_named"))


def _shares(state: SessionState) -> tuple[MetricsChanged, float]:
    ended = state.ended_at if state.ended_at is not None else 0.0
    began = state.answered_at if state.answered_at is not None else ended
    return figures(state, ended), max(ended - began, 1e-9)


def _at_most(value: float, most: float, kit: Kit, key: str) -> Finding:
    shown = {"value": f"{100 * value:.0f}", "most": f"{100 * most:.0f}"}
    if value <= most:
        return Finding(1.0, _say(kit, f"{key}_ok", **shown))
    # Twice as much as allowed earns nothing; between the two the points fall evenly.
    return Finding(max(0.0, 1 - (value - most) / max(most, 1e-9)), _say(kit, f"{key}_high", **shown))


def _silence(item: Item, state: SessionState, kit: Kit) -> Finding:
    told, length = _shares(state)
    return _at_most(told.silence / length, item.most or 0.0, kit, "silence")


def _overlap(item: Item, state: SessionState, kit: Kit) -> Finding:
    told, length = _shares(state)
    return _at_most(told.overlap / length, item.most or 0.0, kit, "overlap")


def _talk_share(item: Item, state: SessionState, kit: Kit) -> Finding:
    told, _ = _shares(state)
    talk = told.customer_talk + told.agent_talk
    if not talk:
        return Finding(None, _say(kit, "no_occasion"))
    share = told.agent_talk / talk
    fits = (item.least or 0.0) <= share <= (item.most or 1.0)
    return Finding(1.0 if fits else 0.0, _say(kit, "talk_share", value=f"{100 * share:.0f}"))


def _duration(item: Item, state: SessionState, kit: Kit) -> Finding:
    _, length = _shares(state)
    most = item.most or 0.0
    share = 1.0 if length <= most else max(0.0, 1 - (length - most) / max(most, 1e-9))
    return Finding(share, _say(kit, "duration", minutes=f"{length / 60:.1f}"))


def _promises(item: Item, state: SessionState, kit: Kit) -> Finding:
    items = state.summary.items if state.summary is not None else ()
    ours = [one for one in items if one.slot == "promise" and one.party == "agent"]
    if not ours:
        return Finding(None, _say(kit, "no_promise"))
    dated = [one for one in ours if one.due]
    evidence = tuple(dict.fromkeys(uid for one in ours for uid in one.evidence))[:_MOST_EVIDENCE]
    return Finding(len(dated) / len(ours), _say(kit, "promises", dated=len(dated), count=len(ours)), evidence)


def _outcome(item: Item, state: SessionState, kit: Kit) -> Finding:
    summary = state.summary
    if summary is None or not summary.outcome:
        return Finding(None, _say(kit, "no_outcome"))
    evidence = tuple(uid for one in summary.items if one.slot == "outcome" for uid in one.evidence)
    return Finding(_OUTCOME[summary.outcome], _say(kit, f"outcome_{summary.outcome}"), evidence[:_MOST_EVIDENCE])


def _mood(item: Item, state: SessionState, kit: Kit) -> Finding:
    summary = state.summary
    told = next((one for one in summary.items if one.slot == "mood"), None) if summary is not None else None
    if summary is None or told is None:
        return Finding(None, _say(kit, "no_mood"))
    order = {"negative": 0, "neutral": 1, "positive": 2}
    start, end = order[summary.mood_start], order[summary.mood_end]
    share = 1.0 if end == 2 or end > start else 0.7 if end == 1 else 0.0
    return Finding(share, told.text, told.evidence)


def _empathy(item: Item, state: SessionState, kit: Kit) -> Finding:
    lines = state.in_order()
    bad = [n for n, line in enumerate(lines) if line.party == "customer" and kit.mood(line) < -MOOD_EDGE]
    if not bad:
        return Finding(None, _say(kit, "no_upset"))
    answered: list[str] = []
    for n in bad:
        after = [line for line in lines[n + 1 :] if line.party == "agent"][:_ANSWERS]
        answered += _hits(item, after, kit)[:1]
    evidence = tuple(dict.fromkeys((lines[bad[0]].utterance_id, *answered)))
    return Finding(1.0 if answered else 0.0, _say(kit, "empathy" if answered else "no_empathy"), evidence)


_Taken = Callable[[Item, SessionState, Kit], Finding]
_MEASURES: Final[dict[Measure, _Taken]] = {
    "rules": _rules,
    "says": _says,
    "never_says": _never_says,
    "names_customer": _names,
    "silence": _silence,
    "overlap": _overlap,
    "talk_share": _talk_share,
    "duration": _duration,
    "promises_dated": _promises,
    "outcome": _outcome,
    "mood": _mood,
    "empathy": _empathy,
}
