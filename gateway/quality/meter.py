"""From a stream's counters to what is told of a leg. Pure: snapshots of counters in, :class:`LegQuality` out.

A stream that is negotiated anew (hold, another codec) counts from 0 again; what it had counted before is kept, up to
the last snapshot.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from assist.events import PARTIES, LegQuality, Party
from gateway.quality.emodel import mos

MEASURED_EVERY_S: Final = 15.0
"""Seconds between two measurements of a call's quality; RTCP reports come every five (RFC 3550, section 6.2)."""
PACKET_MS: Final = 20.0
"""Time a packet takes to be spoken; with it begins the way from mouth to ear."""


@dataclass(frozen=True, slots=True)
class Counters:
    """A stream's counters so far. ``lost``: never came; ``discarded``: came too late or too early to be played.

    ``reported…`` is what the peer's RTCP said of our packets; ``reports`` counts them. Times are milliseconds: the
    interarrival jitter (RFC 3550, section 6.4.1), the round trip (same section), the wait in the jitter buffer.
    """

    codec: str = ""
    packets: int = 0
    lost: int = 0
    discarded: int = 0
    sent: int = 0
    reports: int = 0
    reported_lost: int = 0
    jitter_ms: float = 0.0
    reported_jitter_ms: float = 0.0
    round_trip_ms: float | None = None
    buffer_ms: float = 0.0


_COUNTED: Final = ("packets", "lost", "discarded", "sent", "reports", "reported_lost")


def _added(first: Counters, second: Counters, sign: int) -> Counters:
    values = {one.name: getattr(second, one.name) for one in fields(Counters)}
    for name in _COUNTED:
        values[name] = getattr(first, name) + sign * getattr(second, name)
    return Counters(**values)


@dataclass(slots=True)
class LegMeter:
    """One leg's counters over all the streams it has had, and since :meth:`mark`."""

    _before: Counters = field(default_factory=Counters)
    _now: Counters = field(default_factory=Counters)
    _marked: Counters = field(default_factory=Counters)
    _jitter_sum: float = 0.0
    _samples: int = 0

    def sample(self, counters: Counters) -> None:
        """A snapshot was taken."""
        if counters.packets < self._now.packets or counters.sent < self._now.sent:
            self._before = _added(self._before, self._now, 1)
        self._now = counters
        if counters.packets:
            self._jitter_sum += counters.jitter_ms
            self._samples += 1

    def total(self, party: Party) -> LegQuality:
        """Of the whole call; the jitter is the mean of the snapshots'."""
        counted = _added(self._before, self._now, 1)
        return _quality(party, self._latest(counted), self._jitter_sum / self._samples if self._samples else 0.0)

    def since_mark(self, party: Party) -> LegQuality:
        """Of the time since the last :meth:`mark`."""
        counted = _added(self._before, self._now, 1)
        latest = _added(counted, self._marked, -1)
        return _quality(party, self._latest(latest), self._now.jitter_ms)

    def mark(self) -> None:
        """Begin a new interval."""
        self._marked = _added(self._before, self._now, 1)

    def _latest(self, counted: Counters) -> Counters:
        """``counted`` with what isn't counted as the last snapshot had it."""
        values = {one.name: getattr(self._now, one.name) for one in fields(Counters)}
        values.update({name: getattr(counted, name) for name in _COUNTED})
        return Counters(**values)


def _quality(party: Party, counted: Counters, jitter_ms: float) -> LegQuality:
    expected = counted.packets + max(0, counted.lost)
    lost = max(0, counted.lost) + max(0, counted.discarded)
    loss = min(100.0, 100.0 * lost / expected) if expected else 0.0
    one_way = (counted.round_trip_ms or 0.0) / 2 + counted.buffer_ms + PACKET_MS
    reported = None
    if counted.reports > 0 and counted.sent > 0:
        reported = round(min(100.0, max(0.0, 100.0 * counted.reported_lost / counted.sent)), 2)
    return LegQuality(
        party=party,
        codec=counted.codec,
        packets=counted.packets,
        lost=max(0, counted.lost),
        discarded=max(0, counted.discarded),
        loss=round(loss, 2),
        jitter_ms=round(jitter_ms, 1),
        round_trip_ms=None if counted.round_trip_ms is None else round(counted.round_trip_ms, 1),
        mos=round(mos(loss_percent=loss, one_way_ms=one_way, codec=counted.codec), 2) if counted.packets else None,
        reported_loss=reported,
        reported_jitter_ms=None if reported is None else round(counted.reported_jitter_ms, 1),
    )


class CallMeter:
    """The meters of a call's legs."""

    def __init__(self) -> None:
        self._legs: dict[Party, LegMeter] = {}
        self._since: float | None = None

    def sample(self, counters: Mapping[Party, Counters | None]) -> None:
        """Snapshots were taken; None: that leg has no stream now."""
        for party, snapshot in counters.items():
            if snapshot is not None:
                self._legs.setdefault(party, LegMeter()).sample(snapshot)

    def due(self, now: float) -> tuple[LegQuality, ...]:
        """Once in :data:`MEASURED_EVERY_S` what was measured since the last time, else nothing; ``now`` in seconds."""
        if self._since is None:
            self._since = now
        if now - self._since < MEASURED_EVERY_S:
            return ()
        self._since = now
        return self.interval()

    def interval(self) -> tuple[LegQuality, ...]:
        """Since the last call of this, which begins a new interval."""
        found = tuple(meter.since_mark(party) for party, meter in self._in_order())
        for meter in self._legs.values():
            meter.mark()
        return found

    def now(self) -> tuple[LegQuality, ...]:
        """Since the last :meth:`interval`, without beginning a new one."""
        return tuple(meter.since_mark(party) for party, meter in self._in_order())

    def _in_order(self) -> list[tuple[Party, LegMeter]]:
        return [(party, self._legs[party]) for party in PARTIES if party in self._legs]

    def total(self) -> tuple[LegQuality, ...]:
        """Of the whole call."""
        return tuple(meter.total(party) for party, meter in self._in_order())
