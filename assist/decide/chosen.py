"""Which playbook serves the call: told once, so that the case can say later by which rules it was judged."""

from assist.decide.kit import Decision, Kit
from assist.decide.state import SessionState, Stimulus
from assist.events import PlaybookChosen


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """The playbook's name and version, once the call is known of."""
    book = kit.playbook
    if state.playbook is not None or not (state.started or state.answered_at is not None):
        return []
    event = PlaybookChosen(
        call_id=state.call_id, at=stimulus.at, name=book.name, version=book.version, language=book.language
    )
    return [(event, "playbook")]
