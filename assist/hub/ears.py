"""A lead's wish to hear a call: written down first, then put to the booth that has the lead's phone.

Who asks has been proven by the token; what the lead may, in which queues, the booth decides, which alone reads those
settings. Each wish is answered, also when nobody is there to carry it out.
"""

import re
import time
from typing import Final, get_args

from assist.bus import Bus
from assist.bus.ears import lead_subject
from assist.errors import BusError
from assist.events import EarsChanged, EarsReason, Language, LeadDid
from assist.hub.calls import Call
from assist.strings import say
from assist.wire import EarsAnswer, EarsAsk, LeadWish

WISHES: Final[tuple[LeadWish, ...]] = get_args(LeadWish)
_ANSWER_S: Final = 3.0
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def ask(bus: Bus, event: LeadDid, call: Call) -> EarsAnswer:
    """What becomes of the wish ``event``, which is stored. A phone that has to ring first is accepted, too."""
    assert event.action in WISHES
    if call.ended:
        return _refused(bus, event, "call_ended")
    if not call.answered:
        return _refused(bus, event, "not_answered")
    if not _TOKEN.fullmatch(event.lead_id):
        return _refused(bus, event, "no_booth")  # [[lead]] takes no such id
    question = EarsAsk(call_id=event.call_id, lead_id=event.lead_id, wish=event.action)
    try:
        answer = await bus.ask_ears(lead_subject(event.lead_id), question, timeout=_ANSWER_S)
    except BusError:
        return EarsAnswer(accepted=False, reason="wait")
    return _refused(bus, event, "no_booth") if answer is None else answer


def told(answer: EarsAnswer, language: Language) -> str:
    """Why not, in a sentence."""
    return say(language, f"ears.why_{answer.reason}", by=f" ({answer.by})" if answer.by else "")


def _refused(bus: Bus, event: LeadDid, reason: EarsReason) -> EarsAnswer:
    """A refusal that no booth writes down."""
    changed = EarsChanged(call_id=event.call_id, at=time.time(), lead_id=event.lead_id, state="refused", reason=reason)
    bus.send(changed)
    return EarsAnswer(accepted=False, reason=reason)
