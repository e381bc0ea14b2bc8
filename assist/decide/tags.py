"""Tags: why the customer calls, about what, what is complained of, and what the call may lead to.

The playbook's own tags, told by its phrases, come first. Where there is a taxonomy, the customer's finals are read for
more (kinds in brackets): one contact reason (``reason``) and what else came up (``reason_also``), products
(``product``), complaints (``complaint``), risk of leaving (``risk``) with each reason for it (``churn``), a repeated
contact (``risk``), languages spoken (``language``) and how complex the call is (``complexity``). Each tag names the
lines it rests on; what is less sure than the floors is not said.
"""

from dataclasses import replace
from typing import Final

from assist.decide.kit import Decision, Kit
from assist.decide.state import SessionState, Stimulus
from assist.decide.taxonomy import Topic
from assist.decide.text import settled_text
from assist.decide.topics import Found, Reading, spoken_words
from assist.events import Heard, Tag, TagsChanged
from assist.strings import say

REASON_FLOOR: Final = 0.6
"""Chosen by cross-validation so that about 85 % of the reasons given are right (docs/tags.md)."""
SIGNAL_FLOOR: Final = 0.6
_SURE: Final = 0.75
"""A reason this sure stays the call's reason whatever comes up later."""
_CLEARLY: Final = 0.15
_MOST_ALSO: Final = 2
_MOST_EVIDENCE: Final = 4
_LANGUAGE_WORDS: Final = 4
_LONG_HOLD_S: Final = 60.0
_LONG_CALL_LINES: Final = 40
_COMPLEX: Final = ((4, "high"), (2, "medium"))

_Key = tuple[str, str]


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """The call's tags when a line adds to them. What was said was said: a tag only gives way to a surer reason."""
    if not isinstance(stimulus, Heard):
        return []
    tags = {(tag.kind, tag.value): tag for tag in state.tags}
    text = settled_text(stimulus)
    _by_playbook(tags, stimulus, text, kit)
    if kit.topics is not None and stimulus.final and stimulus.party == "customer" and text.strip():
        reading = kit.topics.read(text)
        _reason(tags, reading, stimulus, kit)
        _products(tags, reading, stimulus, kit)
        _signals(tags, reading, stimulus, kit)
        _language(tags, stimulus, text, kit)
        _complexity(tags, state, stimulus, kit)
    made = tuple(tags.values())
    if made == state.tags:
        return []
    # The same values on more evidence are news: the name must differ, or the broker would take it for a repetition.
    name = "+".join(sorted(f"{tag.value}{len(tag.evidence) if len(tag.evidence) > 1 else ''}" for tag in made))
    return [(TagsChanged(call_id=state.call_id, at=stimulus.at, tags=made), name)]


def _by_playbook(tags: dict[_Key, Tag], heard: Heard, text: str, kit: Kit) -> None:
    if not kit.index.hits(text):
        return
    for rule in kit.playbook.tags:
        if (rule.kind, rule.value) in tags or rule.speaker not in ("any", heard.party):
            continue
        confidence = kit.found(rule.phrases, rule.unless, text)
        if confidence:
            _add(tags, rule.kind, rule.value, rule.label, confidence, heard)
            if rule.kind == "reason":
                _step_back(tags, kit)


def _add(tags: dict[_Key, Tag], kind: str, value: str, label: str, confidence: float, heard: Heard) -> None:
    """The tag, or one more line for it: two lines that tell the same make it surer."""
    known = tags.get((kind, value))
    line = (heard.utterance_id,)
    if known is None:
        tags[kind, value] = Tag(kind=kind, value=value, label=label, confidence=round(confidence, 3), evidence=line)
    elif heard.utterance_id not in known.evidence and len(known.evidence) < _MOST_EVIDENCE:
        both = 1.0 - (1.0 - known.confidence) * (1.0 - confidence / 2)
        tags[kind, value] = replace(known, confidence=round(both, 3), evidence=known.evidence + line)


def _of_playbook(tag: Tag, kit: Kit) -> bool:
    return any(rule.kind == tag.kind and rule.value == tag.value for rule in kit.playbook.tags)


def _step_back(tags: dict[_Key, Tag], kit: Kit) -> None:
    """The playbook has told a reason: what the taxonomy took for it is an alternative."""
    for key, tag in list(tags.items()):
        if tag.kind == "reason" and not _of_playbook(tag, kit):
            del tags[key]
            tags["reason_also", tag.value] = replace(tag, kind="reason_also")
    _thin(tags)


def _reason(tags: dict[_Key, Tag], reading: Reading, heard: Heard, kit: Kit) -> None:
    if not reading.reasons or reading.reasons[0].confidence < REASON_FLOOR or kit.topics is None:
        return
    found = reading.reasons[0]
    label = _label(kit.topics.taxonomy.reasons, found)
    held = [tag for tag in tags.values() if tag.kind == "reason"]
    own = [tag for tag in held if _of_playbook(tag, kit)]
    if any(tag.value == found.id or heard.utterance_id in tag.evidence for tag in own):
        return  # the playbook has told what this is, or what this line is
    first = next((tag for tag in held if not _of_playbook(tag, kit)), None)
    if not held or (first is not None and first.value == found.id):
        tags.pop(("reason_also", found.id), None)
        _add(tags, "reason", found.id, label, found.confidence, heard)
        return
    _add(tags, "reason_also", found.id, label, found.confidence, heard)
    other = tags["reason_also", found.id]
    if first is not None and first.confidence < _SURE and other.confidence >= first.confidence + _CLEARLY:
        del tags["reason", first.value], tags["reason_also", found.id]
        tags["reason", found.id] = replace(other, kind="reason")
        tags["reason_also", first.value] = replace(first, kind="reason_also")
    _thin(tags)


def _thin(tags: dict[_Key, Tag]) -> None:
    also = sorted((tag for tag in tags.values() if tag.kind == "reason_also"), key=lambda tag: -tag.confidence)
    for tag in also[_MOST_ALSO:]:
        del tags[tag.kind, tag.value]


def _products(tags: dict[_Key, Tag], reading: Reading, heard: Heard, kit: Kit) -> None:
    for found in reading.products:
        if kit.topics is not None and ("product", found.id) not in tags:
            _add(tags, "product", found.id, _label(kit.topics.taxonomy.products, found), found.confidence, heard)


def _signals(tags: dict[_Key, Tag], reading: Reading, heard: Heard, kit: Kit) -> None:
    if kit.topics is None:
        return
    taxonomy = kit.topics.taxonomy
    by_kind: dict[str, list[Found]] = {"complaint": [], "churn": [], "risk": []}
    for found in reading.signals:
        kind, _, name = found.id.partition(".")
        by_kind[kind].append(Found(name, found.confidence))
    for found in by_kind["complaint"]:
        if found.confidence >= SIGNAL_FLOOR:
            _add(tags, "complaint", found.id, _label(taxonomy.complaints or (), found), found.confidence, heard)
    for found in by_kind["risk"]:
        if found.confidence >= SIGNAL_FLOOR and taxonomy.repeat_contact is not None:
            _add(tags, "risk", found.id, taxonomy.repeat_contact.label, found.confidence, heard)
    # "I go to the others, they are cheaper" is two reasons at half the confidence each, and one risk.
    leaving = min(1.0, sum(found.confidence for found in by_kind["churn"]))
    called_for = {topic.id for topic in taxonomy.reasons if topic.leaving}
    told = max(
        (f.confidence for f in reading.reasons if f.id in called_for and f.confidence >= REASON_FLOOR), default=0.0
    )
    if max(told, leaving) >= SIGNAL_FLOOR:
        label = say(kit.playbook.language, "tags.churn")
        _add(tags, "risk", "churn", label, max(told, leaving), heard)
    if leaving >= SIGNAL_FLOOR:
        most = by_kind["churn"][0]
        _add(tags, "churn", most.id, _label(taxonomy.churn or (), most), leaving, heard)


def _language(tags: dict[_Key, Tag], heard: Heard, text: str, kit: Kit) -> None:
    if ("language", heard.language) not in tags and spoken_words(text) >= _LANGUAGE_WORDS:
        label = say(kit.playbook.language, f"tags.language_{heard.language}")
        _add(tags, "language", heard.language, label, heard.confidence, heard)


def _complexity(tags: dict[_Key, Tag], state: SessionState, heard: Heard, kit: Kit) -> None:
    """Several matters, complaints, an earlier contact, a transfer, a long hold, a long call: one point each."""
    reasons = [tag for tag in tags.values() if tag.kind in ("reason", "reason_also")]
    complaints = [tag for tag in tags.values() if tag.kind == "complaint"]
    repeated = [tag for tag in tags.values() if (tag.kind, tag.value) == ("risk", "repeat_contact")]
    points = max(0, len(reasons) - 1) + min(2, len(complaints)) + len(repeated)
    points += bool(state.transferred_to) + (state.hold_s >= _LONG_HOLD_S) + (len(state.lines) >= _LONG_CALL_LINES)
    level = next((name for least, name in _COMPLEX if points >= least), None)
    if level is None or ("complexity", level) in tags or ("complexity", "high") in tags:
        return
    tags.pop(("complexity", "medium"), None)
    lines = [uid for tag in (*reasons, *complaints, *repeated) for uid in tag.evidence]
    evidence = tuple(dict.fromkeys((*lines, heard.utterance_id)))[:_MOST_EVIDENCE]
    label = say(kit.playbook.language, f"tags.complexity_{level}")
    tags["complexity", level] = Tag(kind="complexity", value=level, label=label, confidence=1.0, evidence=evidence)


def _label(topics: tuple[Topic, ...], found: Found) -> str:
    return next(topic.label for topic in topics if topic.id == found.id)
