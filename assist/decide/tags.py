"""Tags: a few contact reasons, products and risks, told by phrases of the playbook."""

from assist.decide.kit import Decision, Kit
from assist.decide.state import SessionState, Stimulus
from assist.decide.text import settled_text
from assist.events import Heard, Tag, TagsChanged


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """The call's tags when a line adds one. Tags never go away by themselves: what was said was said."""
    if not isinstance(stimulus, Heard):
        return []
    known = {(tag.kind, tag.value) for tag in state.tags}
    text = settled_text(stimulus)
    if not kit.index.hits(text):
        return []
    added = []
    for rule in kit.playbook.tags:
        if (rule.kind, rule.value) in known or rule.speaker not in ("any", stimulus.party):
            continue
        confidence = kit.found(rule.phrases, rule.unless, text)
        if confidence:
            tag = Tag(
                kind=rule.kind,
                value=rule.value,
                label=rule.label,
                confidence=round(confidence, 3),
                evidence=(stimulus.utterance_id,),
            )
            added.append(tag)
    if not added:
        return []
    tags = (*state.tags, *added)
    event = TagsChanged(call_id=state.call_id, at=stimulus.at, tags=tags)
    return [(event, "+".join(sorted(tag.value for tag in tags)))]
