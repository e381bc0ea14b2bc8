"""A call's record as a fold over its stored events. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from assist.control import masked
from assist.events import (
    CallAnswered,
    CallEnded,
    CallHeld,
    CallResumed,
    CallStarted,
    CallTransferred,
    EndReason,
    Event,
    Party,
    QualityMeasured,
    SensitiveChanged,
)

_HUNG_UP: Final[dict[EndReason, str]] = {
    "customer_hangup": "customer",
    "agent_hangup": "agent",
    "cancelled": "customer",
    "rejected": "agent",
    "lost": "network",
    "failed": "network",
    "transfer_failed": "agent",
    "ended": "",
}


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One line. Times are ISO 8601 with the call centre's offset, empty where it never came to that.

    ``ring_s`` until it was answered or given up, ``talk_s`` from the answer to the end, ``hold_s`` and ``pause_s`` of
    it on hold and with the recording paused for payment data (``pauses`` times). ``hung_up_by``: customer, agent,
    network (lost, failed), or empty where whoever bridged the call did not say. ``loss…`` in percent of packets,
    ``jitter…`` in milliseconds, ``mos…`` 1 to 4.5 by the E-model, each of the voice that came from that party.
    ``transfers`` are separated by spaces; ``last_agent`` had the call at its end, empty where nobody of ours did.
    """

    call_id: str
    trunk: str
    queue: str
    direction: str
    caller: str
    callee: str
    agent: str
    started: str
    answered: str
    ended: str
    ring_s: float
    talk_s: float
    hold_s: float
    pauses: int
    pause_s: float
    end_reason: str
    sip_code: int
    hung_up_by: str
    transfers: str
    codec_customer: str
    codec_agent: str
    loss_customer: float | None
    loss_agent: float | None
    jitter_customer: float | None
    jitter_agent: float | None
    mos_customer: float | None
    mos_agent: float | None
    last_agent: str


FIELDS: Final = tuple(one.name for one in fields(CallRecord))


@dataclass(slots=True)
class _Span:
    """Seconds that something was on."""

    total: float = 0.0
    since: float | None = None
    times: int = 0

    def begin(self, at: float) -> None:
        if self.since is None:
            self.since, self.times = at, self.times + 1

    def end(self, at: float) -> None:
        if self.since is not None:
            self.total, self.since = self.total + max(0.0, at - self.since), None


def record_of(events: Iterable[Event], zone: ZoneInfo, *, mask_numbers: bool = False) -> CallRecord | None:
    """The record of a call; None when it has not ended. What is not in the events stays empty."""
    started: CallStarted | None = None
    answered: float | None = None
    ended: CallEnded | None = None
    quality: QualityMeasured | None = None
    holds: dict[Party, _Span] = {"customer": _Span(), "agent": _Span()}
    pause = _Span()
    transfers: list[str] = []
    last = ""
    for event in events:
        match event:
            case CallStarted():
                started, last = event, event.agent_id
            case CallAnswered():
                answered = event.at if answered is None else answered
            case CallHeld():
                holds[event.by].begin(event.at)
            case CallResumed():
                holds[event.by].end(event.at)
            case SensitiveChanged():
                (pause.begin if event.state == "begin" else pause.end)(event.at)
            case CallTransferred():
                transfers.append(event.target)
                last = event.agent_id
            case QualityMeasured() if event.final:
                quality = event
            case CallEnded():
                ended = event
            case _:
                pass
    if ended is None:
        return None
    for span in (pause, *holds.values()):
        span.end(ended.at)
    began = started.at if started is not None else ended.at
    number = masked if mask_numbers else str
    legs = {leg.party: leg for leg in quality.legs} if quality is not None else {}
    customer, agent = legs.get("customer"), legs.get("agent")
    return CallRecord(
        call_id=ended.call_id,
        trunk=started.trunk if started else "",
        queue=started.queue if started else "",
        direction=started.direction if started else "",
        caller=number(started.caller) if started else "",
        callee=number(started.callee) if started else "",
        agent=started.agent_id if started else "",
        started=_iso(started.at if started else None, zone),
        answered=_iso(answered, zone),
        ended=_iso(ended.at, zone),
        ring_s=_seconds((answered if answered is not None else ended.at) - began),
        talk_s=_seconds(ended.at - answered) if answered is not None else 0.0,
        hold_s=_seconds(sum(span.total for span in holds.values())),
        pauses=pause.times,
        pause_s=_seconds(pause.total),
        end_reason=ended.reason,
        sip_code=ended.sip_code,
        hung_up_by=_HUNG_UP[ended.reason],
        transfers=" ".join(_target(target, mask_numbers) for target in transfers),
        codec_customer=customer.codec if customer else "",
        codec_agent=agent.codec if agent else "",
        loss_customer=customer.loss if customer else None,
        loss_agent=agent.loss if agent else None,
        jitter_customer=customer.jitter_ms if customer else None,
        jitter_agent=agent.jitter_ms if agent else None,
        mos_customer=customer.mos if customer else None,
        mos_agent=agent.mos if agent else None,
        last_agent=last,
    )


def values(record: CallRecord) -> dict[str, Any]:
    """Fields by name, in the order of :data:`FIELDS`."""
    return {name: getattr(record, name) for name in FIELDS}


def _target(target: str, mask_numbers: bool) -> str:
    if not mask_numbers:
        return target
    head, at, host = target.partition("@")
    scheme, colon, user = head.rpartition(":")
    return f"{scheme}{colon}{masked(user)}{at}{host}"


def _iso(at: float | None, zone: ZoneInfo) -> str:
    return "" if at is None else datetime.fromtimestamp(at, zone).isoformat(timespec="milliseconds")


def _seconds(value: float) -> float:
    return round(max(0.0, value), 3)
