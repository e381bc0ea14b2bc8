"""How well each call is served, so that the calls that run keep their budgets when more come. Pure: no clock.

When the machine gets busy, the partials of all calls come less often. Only when that is not enough some calls are
served worse. They stand in the order in which they were taken, and none is ever served better than one before it:
FULL … FULL, then FINALS, then LATE. When the machine is pressed, the newest call that is not late goes down one step;
when there is room again, the oldest that is not full goes up one.

Load is compute time per wall time that the calls need which are not late, with partials as seldom as they may come,
over the last seconds. A call that has just come counts with what calls usually cost here, so five calls in one second
are not taken for free.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from assist.transcriber.schedule import Level

_PRIOR_S: Final = 10.0
"""A call's own figures count against the usual ones as if those had been seen for so long."""
_LEARN: Final = 0.05
_BACKOFF: Final = 2.0


@dataclass(frozen=True, slots=True)
class AdmissionConfig:
    """max_load: share of a core the calls may need. room: share of that up to which calls go up again.
    easy: share of a core up to which partials come as often as configured; slowest: so many times less often at most.
    max_lag: seconds a call may lag before it counts as late. max_wait: seconds a final may be due before the machine
    counts as pressed. window: seconds of figures. patience: seconds pressed before a call goes down, and between two
    changes the same way. calm: seconds after a call went down before one goes up; doubled up to longest_calm while
    that proves too early.
    finals, partials: what a call costs before any was seen, in seconds per second; partials as often as configured."""

    max_load: float = 0.85
    room: float = 0.8
    easy: float = 0.65
    slowest: float = 1.75
    max_lag: float = 2.0
    max_wait: float = 0.5
    window: float = 20.0
    patience: float = 3.0
    calm: float = 10.0
    longest_calm: float = 120.0
    finals: float = 0.07
    partials: float = 0.14


class _Meter:
    """Compute seconds per second over a sliding window, mixed with what is usual."""

    def __init__(self, window: float, now: float) -> None:
        self._window = window
        self.since = now
        self._spent: deque[tuple[float, float]] = deque()

    def add(self, seconds: float, now: float) -> None:
        if self._spent and now - self._spent[-1][0] < 1.0:
            began, known = self._spent[-1]
            self._spent[-1] = (began, known + seconds)
        else:
            self._spent.append((now, seconds))
        while self._spent[0][0] < now - self._window:
            self._spent.popleft()

    def full(self, now: float) -> bool:
        """Whether the window is filled with this call's own figures."""
        return now - self.since >= self._window

    def share(self, usual: float, now: float) -> float:
        seen = min(now - self.since, self._window)
        spent = sum(seconds for at, seconds in self._spent if at >= now - self._window)
        return (usual * _PRIOR_S + spent) / (_PRIOR_S + seen)


@dataclass(slots=True)
class _Call:
    level: Level
    finals: _Meter
    partials: _Meter
    lag: float = 0.0
    behind: bool = field(default=False)


class Admission:
    """The levels of one transcriber's calls. Times are seconds on any one clock."""

    def __init__(self, config: AdmissionConfig | None = None) -> None:
        self._config = config or AdmissionConfig()
        self._calls: dict[str, _Call] = {}  # in the order in which they were taken
        self._finals, self._partials = self._config.finals, self._config.partials
        self._pressed_since: float | None = None
        self._lowered = self._raised = float("-inf")
        self._calm = self._config.calm
        self._pace = 1.0

    def __contains__(self, call_id: str) -> bool:
        return call_id in self._calls

    def take(self, call_id: str, now: float) -> Level:
        """A call comes; returns its level. One that is here already keeps it."""
        if call_id not in self._calls:
            window = self._config.window
            level = self.level_for_next(now)
            self._calls[call_id] = _Call(level, _Meter(window, now), _Meter(window, now))
        return self._calls[call_id].level

    def drop(self, call_id: str) -> None:
        """A call is over, or somebody else's."""
        self._calls.pop(call_id, None)

    def level_for_next(self, now: float) -> Level:
        """The level of a call that would come now."""
        if not self._calls:
            return Level.FULL  # for whom else should the machine be kept
        free = self._config.max_load - self.load(now)
        fits = (
            Level.FULL
            if free >= self._finals + self._partials / self._config.slowest
            else Level.FINALS
            if free >= self._finals
            else Level.LATE
        )
        return min(fits, *(call.level for call in self._calls.values()))

    def level(self, call_id: str) -> Level:
        """How the call is to be served now: one that has fallen behind works off its backlog after the others."""
        call = self._calls.get(call_id)
        return Level.LATE if call is None or call.behind else call.level

    def behind(self, call_id: str) -> bool:
        """Whether the call's text is later than ``max_lag``."""
        call = self._calls.get(call_id)
        return call is not None and call.behind

    def counts(self) -> dict[Level, int]:
        """Calls by the level at which they are served now."""
        served = [self.level(call_id) for call_id in self._calls]
        return {level: served.count(level) for level in reversed(Level)}

    @property
    def pace(self) -> float:
        """How many times less often than configured partials are to come."""
        return self._pace

    def load(self, now: float) -> float:
        """Share of a core that the calls need at least."""
        finals, partials = self._needs(now)
        return finals + partials / self._config.slowest

    def spent(self, call_id: str, seconds: float, now: float, *, partial: bool) -> None:
        """A step of the call took so long. What a late call uses is time that nobody else wanted."""
        call = self._calls.get(call_id)
        if call is None or self.level(call_id) is Level.LATE:
            return
        if partial:
            call.partials.add(seconds * self._pace, now)  # as if they came as often as configured
        else:
            call.finals.add(seconds, now)

    def lags(self, call_id: str, seconds: float, now: float) -> None:
        """The call's text is so late now."""
        call = self._calls.get(call_id)
        if call is None:
            return
        call.lag = seconds
        if not call.behind and seconds > self._config.max_lag:
            call.behind = True
        elif call.behind and seconds < self._config.max_lag / 4:
            call.behind = False
            # Its meters have stood still meanwhile.
            call.finals, call.partials = _Meter(self._config.window, now), _Meter(self._config.window, now)

    def review(self, now: float, wait: float = 0.0) -> str | None:
        """Time has passed; ``wait`` is how long the oldest final of a call that is not late has been due.

        Returns the id of the call whose level was changed, at most one.
        """
        self._learn(now)
        self._set_pace(now)
        load = self.load(now)
        if load <= self._config.max_load and wait <= self._config.max_wait:
            self._pressed_since = None
            return self._raise(load, now)
        if self._pressed_since is None:
            self._pressed_since = now
        if now - max(self._pressed_since, self._lowered) < self._config.patience:
            return None
        return self._lower(now)

    def _lower(self, now: float) -> str | None:
        order = list(self._calls.items())
        for place, (call_id, call) in reversed(list(enumerate(order))):
            # For the sake of a single call no other has to be late: there is none.
            lowest = Level.FINALS if place == 0 else Level.LATE
            if call.level > lowest:
                if now - self._raised < 3 * self._config.calm:
                    self._calm = min(self._calm * _BACKOFF, self._config.longest_calm)
                self._lowered = now
                self._set(call, Level(call.level - 1), now)
                return call_id
        return None

    def _raise(self, load: float, now: float) -> str | None:
        config = self._config
        if now - self._lowered > config.longest_calm:
            self._calm = config.calm
        if now - self._lowered < self._calm or now - self._raised < config.patience:
            return None
        for call_id, call in self._calls.items():
            if call.level is Level.FULL:
                continue
            more = self._partials / config.slowest if call.level is Level.FINALS else self._finals
            if call.behind or load + more > config.room * config.max_load:
                return None
            self._raised = now
            self._set(call, Level(call.level + 1), now)
            return call_id
        return None

    def _set(self, call: _Call, level: Level, now: float) -> None:
        if level > call.level:
            # What was measured below says nothing about what it will cost now.
            call.partials = _Meter(self._config.window, now)
            if level is Level.FINALS:
                call.finals = _Meter(self._config.window, now)
        call.level = level

    def _set_pace(self, now: float) -> None:
        config, (finals, partials) = self._config, self._needs(now)
        left = max(config.easy - finals, partials / config.slowest)
        self._pace = max(1.0, partials / left) if partials else 1.0

    def _needs(self, now: float) -> tuple[float, float]:
        """Shares of a core: of the finals of the calls that are not late, and of partials as often as configured."""
        finals = partials = 0.0
        for call in self._calls.values():
            if call.level > Level.LATE:
                finals += self._finals if call.behind else call.finals.share(self._finals, now)
            if call.level is Level.FULL:
                partials += self._partials if call.behind else call.partials.share(self._partials, now)
        return finals, partials

    def _learn(self, now: float) -> None:
        """What is usual here, from the calls that have been served fully for a while."""
        known = [c for c in self._calls.values() if c.level is Level.FULL and not c.behind and c.partials.full(now)]
        for call in known:
            rate = _LEARN / len(known)
            self._finals += rate * (call.finals.share(self._finals, now) - self._finals)
            self._partials += rate * (call.partials.share(self._partials, now) - self._partials)
