"""In which language a call is served. Pure: the call's events in, a language out."""

from collections.abc import Sequence
from typing import Final

from assist.events import CallEnded, CallStarted, Event, Heard, Language, TranscriptSettled

_ENOUGH: Final = 2
"""Finals of an agent that decide while the customer says nothing."""


def call_language(events: Sequence[Event]) -> Language | None:
    """What the trunk says; where it leaves that open, what the customer speaks first, or else the agent.

    None: nobody has said enough.
    """
    started = next((event for event in events if isinstance(event, CallStarted)), None)
    if started is not None and started.language != "auto":
        return started.language
    finals = [event for event in events if isinstance(event, Heard) and event.final and event.text]
    if started is None:
        # A call whose beginning is lost.
        return finals[0].language if finals else None
    customers = [event for event in finals if event.party == "customer"]
    if customers:
        return customers[0].language
    return finals[0].language if len(finals) >= _ENOUGH else None


def undecided(events: Sequence[Event]) -> bool:
    """Whether to wait: the language is open, and the call goes on. What happens meanwhile is decided on later."""
    over = any(isinstance(event, CallEnded | TranscriptSettled) for event in events)
    started = any(isinstance(event, CallStarted) for event in events)
    return started and not over and call_language(events) is None
