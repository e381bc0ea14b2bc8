"""Who is served next, on a simulated clock."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from assist.transcriber.schedule import Level, Schedule, Turn, turn
from models.asr.types import Urgency


def test_classes_of_work() -> None:
    assert turn(Urgency.FINAL, Level.FULL, mute=False) is Turn.FINAL
    assert turn(Urgency.FINAL, Level.FINALS, mute=False) is Turn.FINAL
    assert turn(Urgency.FINAL, Level.LATE, mute=False) is Turn.LATE
    assert turn(Urgency.PARTIAL, Level.FULL, mute=False) is Turn.PARTIAL
    assert turn(Urgency.PARTIAL, Level.FINALS, mute=False) is None
    assert turn(Urgency.PARTIAL, Level.LATE, mute=False) is None
    # A sign of life: long speech and no text.
    assert turn(Urgency.PARTIAL, Level.FINALS, mute=True) is Turn.PARTIAL
    assert turn(Urgency.PARTIAL, Level.LATE, mute=True) is Turn.LATE
    assert turn(Urgency.NONE, Level.FULL, mute=True) is None


def test_a_wait_counts_from_when_the_work_came_into_its_class() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.offer("a", Turn.PARTIAL, 0.0)
    schedule.offer("b", Turn.FINAL, 1.0)
    schedule.offer("a", Turn.FINAL, 2.0)
    assert schedule.next() == "b"
    assert schedule.waited("a", 3.0) == 1.0
    schedule.offer("a", Turn.FINAL, 3.0)
    assert schedule.waited("a", 3.0) == 1.0
    schedule.offer("a", None, 4.0)
    assert schedule.waited("a", 4.0) == 0.0


@dataclass
class SimLeg:
    """A leg whose work comes at given times: seconds, class, cost in seconds."""

    work: list[tuple[float, Turn, float]]
    served: list[tuple[float, float, Turn]] = field(default_factory=list)  # due, begun, class

    def head(self, now: float) -> tuple[float, Turn, float] | None:
        """The most urgent thing due; what came first of it."""
        due = [item for item in self.work if item[0] <= now]
        return max(due, key=lambda item: (item[1], -item[0]), default=None)


def simulate(legs: dict[str, SimLeg], until: float) -> None:
    """One compute thread that serves the legs by the schedule."""
    schedule: Schedule[str] = Schedule()
    now = 0.0
    while now < until:
        for name, leg in legs.items():
            head = leg.head(now)
            schedule.offer(name, head[1] if head else None, now)
        name = schedule.next()
        if name is None:
            coming = [item[0] for leg in legs.values() for item in leg.work if item[0] > now]
            if not coming:
                return
            now = min(coming)
            continue
        schedule.served(name)
        leg = legs[name]
        item = leg.head(now)
        assert item is not None
        classes = [head[1] for other in legs.values() if (head := other.head(now)) is not None]
        # Whatever the load: nothing is begun while something of a higher class is due.
        assert item[1] == max(classes)
        leg.work.remove(item)
        leg.served.append((item[0], now, item[1]))
        now += item[2]


work_items = st.lists(
    st.tuples(st.floats(0, 20), st.sampled_from(list(Turn)), st.floats(0.001, 0.5)), min_size=1, max_size=25
)


@settings(max_examples=60, deadline=None)
@given(st.lists(work_items, min_size=1, max_size=8))
def test_finals_never_wait_behind_partials_nor_these_behind_the_late(
    plans: list[list[tuple[float, Turn, float]]],
) -> None:
    legs = {str(number): SimLeg(list(plan)) for number, plan in enumerate(plans)}
    simulate(legs, 1e9)
    assert all(not leg.work for leg in legs.values())


def test_a_leg_that_never_stops_takes_no_more_than_its_turn() -> None:
    step = 0.05
    legs = {"endless": SimLeg([(0.0, Turn.FINAL, step)] * 400)}
    # Seven others want a final once a second.
    for number in range(7):
        legs[str(number)] = SimLeg([(second + number * 0.03, Turn.FINAL, step) for second in range(15)])
    simulate(legs, 30.0)
    for number in range(7):
        waits = [begun - due for due, begun, _ in legs[str(number)].served]
        # At worst behind one step of every other leg and the one that runs.
        assert max(waits) <= 8 * step


def test_partials_share_what_is_left_evenly() -> None:
    # Ten legs ask for a partial four times as often as the machine can give one.
    legs = {str(number): SimLeg([(k * 0.32, Turn.PARTIAL, 0.12) for k in range(60)]) for number in range(10)}
    simulate(legs, 19.0)
    counts = [len(leg.served) for leg in legs.values()]
    assert max(counts) - min(counts) <= 1
    assert min(counts) >= 15
