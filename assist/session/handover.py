"""Hand-overs on their way: from a transferred call to the call in which the next agent gets the customer. No I/O."""

import re
from collections import deque
from dataclasses import dataclass, replace
from typing import Final

from assist.events import CallStarted, HandOverDrafted

WITHIN_S: Final = 180.0
"""Seconds after a transfer in which the next agent's call is expected."""
_MOST: Final = 500
_USER: Final = re.compile(r"^(?:sips?:|tel:)?([^@;>]+)")


@dataclass(frozen=True, slots=True)
class _Waiting:
    made: HandOverDrafted
    customer: str


class HandOvers:
    """Remembers what was handed over lately. Times are the events' own."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque(maxlen=_MOST)

    def put(self, made: HandOverDrafted, customer: str) -> None:
        """A call with ``customer`` was transferred."""
        if customer and made.target and not made.from_call:
            self._waiting.append(_Waiting(made, user_of(customer)))

    def take(self, start: CallStarted) -> HandOverDrafted | None:
        """The hand-over for the call that begins with ``start``, as an event of that call.

        It has to be of the same customer and transferred to that agent, number or queue a moment ago: what one
        customer told must never be shown in another's call.
        """
        inbound = start.direction == "inbound"
        customer = user_of(start.caller if inbound else start.callee)
        goals = {user_of(one) for one in (start.agent_id, start.queue, start.callee if inbound else "") if one}
        for waiting in reversed(self._waiting):
            made = waiting.made
            fits = waiting.customer == customer and user_of(made.target) in goals and made.call_id != start.call_id
            if fits and 0 <= start.at - made.at + 1.0 <= WITHIN_S:
                self._waiting.remove(waiting)
                return replace(made, call_id=start.call_id, at=start.at, seq=0, from_call=made.call_id)
        return None


def user_of(address: str) -> str:
    """The user part of a SIP or tel URI, or the number as it stands.

    >>> user_of("sip:5550@pbx.example;transport=tls")
    '5550'
    """
    found = _USER.match(address.strip().lstrip("<"))
    return found[1].lower() if found else ""
