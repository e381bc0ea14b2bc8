"""Where a gateway's calls go: events to the broker's stream, frames into rings."""

from typing import Protocol

from assist.events import CallLanguage, Event, Party
from gateway.ears import Wish
from gateway.fork import Ring


class CallSink(Protocol):
    """What :class:`gateway.publisher.Publisher` offers to whoever has calls."""

    def send(self, event: Event) -> None:
        """Queue a durable event; never waits and never fails."""

    def add_call(self, call_id: str, language: CallLanguage, *, voice: bool = False) -> dict[Party, Ring]:
        """Begin to publish a call's audio; returns the rings its legs' frames go into."""

    def wishes(self) -> list[Wish]:
        """What team leads want done in calls that were added with ``voice``."""

    def end_call(self, call_id: str) -> None:
        """The call is over."""
