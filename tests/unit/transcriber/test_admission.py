"""How well each call is served: simulated machines, many calls."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assist.transcriber.admission import Admission, AdmissionConfig
from assist.transcriber.schedule import Level

CONFIG = AdmissionConfig(max_load=0.75)


@dataclass
class Cost:
    """What a call needs of the machine, seconds per second."""

    finals: float
    partials: float


class Machine:
    """One core. Finals are paid first, partials share what is left; reviewed twice a second."""

    def __init__(self, config: AdmissionConfig = CONFIG) -> None:
        self.admission = Admission(config)
        self.now = 0.0
        self.calls: dict[str, Cost] = {}
        self.slowdown = 1.0
        self.history: list[dict[str, Level]] = []
        self.changes = 0

    def add(self, name: str, finals: float = 0.06, partials: float = 0.1) -> Level:
        self.calls[name] = Cost(finals, partials)
        return self.admission.take(name, self.now)

    def end(self, name: str) -> None:
        del self.calls[name]
        self.admission.drop(name)

    def levels(self) -> dict[str, Level]:
        return {name: self.admission.level(name) for name in self.calls}

    def needed(self) -> float:
        levels, pace = self.levels(), self.admission.pace
        return self.slowdown * sum(
            (cost.finals if levels[name] > Level.LATE else 0.0)
            + (cost.partials / pace if levels[name] is Level.FULL else 0.0)
            for name, cost in self.calls.items()
        )

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.now += 0.5
            levels = self.levels()
            left = 0.5
            for name, cost in self.calls.items():
                if levels[name] > Level.LATE:
                    spent = min(left, 0.5 * cost.finals * self.slowdown)
                    self.admission.spent(name, spent, self.now, partial=False)
                    left -= spent
            wanted = {
                name: 0.5 * cost.partials / self.admission.pace * self.slowdown
                for name, cost in self.calls.items()
                if levels[name] is Level.FULL
            }
            share = min(1.0, left / total) if (total := sum(wanted.values())) else 0.0
            for name, want in wanted.items():
                self.admission.spent(name, want * share, self.now, partial=True)
            self.changes += self.admission.review(self.now) is not None
            self.history.append(self.levels())


def test_the_first_call_is_served_whatever_it_costs() -> None:
    machine = Machine(AdmissionConfig(max_load=0.1))
    assert machine.add("a", 0.3, 0.6) is Level.FULL
    machine.run(60)
    # It may lose its partials, never its finals: there is nobody to keep the machine for.
    assert machine.levels()["a"] is Level.FINALS


def test_calls_that_come_at_once_are_not_all_taken_fully() -> None:
    machine = Machine()
    levels = [machine.add(f"c{number}") for number in range(12)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] is Level.FULL
    assert levels[-1] is Level.LATE
    assert Level.FINALS in levels
    assert machine.admission.load(machine.now) <= CONFIG.max_load


def test_the_calls_that_run_keep_their_partials_when_more_come() -> None:
    machine = Machine()
    for number in range(3):
        machine.add(f"old{number}")
    machine.run(60)
    for number in range(10):
        machine.add(f"new{number}")
        machine.run(5)
    machine.run(60)
    assert all(levels[f"old{number}"] is Level.FULL for levels in machine.history for number in range(3))
    assert machine.levels()["new9"] is Level.LATE


def test_a_slower_machine_lowers_the_newest_first_and_a_faster_one_raises_the_oldest_first() -> None:
    machine = Machine()
    for number in range(4):
        machine.add(f"c{number}")
        machine.run(15)
    assert set(machine.levels().values()) == {Level.FULL}
    machine.slowdown = 2.0  # somebody compiles on the same core
    machine.run(60)
    assert list(machine.levels().values()) == sorted(machine.levels().values(), reverse=True)
    assert machine.levels()["c0"] is Level.FULL
    assert machine.levels()["c3"] < Level.FULL
    assert machine.needed() <= CONFIG.max_load
    machine.slowdown = 0.5
    machine.run(120)
    assert set(machine.levels().values()) == {Level.FULL}


def test_partials_come_less_often_before_any_call_is_served_worse() -> None:
    machine, paces = Machine(), []
    for number in range(4):
        machine.add(f"c{number}", 0.06, 0.15)
        machine.run(60)
        paces.append(machine.admission.pace)
        assert set(machine.levels().values()) == {Level.FULL}
        assert machine.needed() <= max(CONFIG.easy, machine.admission.load(machine.now)) + 0.01
    assert paces[:3] == [1.0] * 3
    assert paces[3] == pytest.approx(4 * 0.15 / (CONFIG.easy - 4 * 0.06), rel=0.05)
    while set(machine.levels().values()) == {Level.FULL}:
        machine.add(f"c{len(machine.calls)}", 0.06, 0.15)
        machine.run(60)
    assert machine.admission.pace == CONFIG.slowest
    for number in range(2, len(machine.calls)):
        machine.end(f"c{number}")
    machine.run(60)
    assert machine.admission.pace == 1.0


def test_calls_that_wait_go_up_when_others_end() -> None:
    machine = Machine()
    for number in range(8):
        machine.add(f"c{number}")
    machine.run(30)
    assert machine.levels()["c7"] is Level.LATE
    for number in range(5):
        machine.end(f"c{number}")
    machine.run(60)
    assert set(machine.levels().values()) == {Level.FULL}


def test_a_load_at_the_edge_does_not_flap() -> None:
    machine = Machine()
    for number in range(5):
        machine.add(f"c{number}", 0.06, 0.1)
    machine.run(60)
    machine.changes = 0
    # The load swings around the limit, each way longer than any patience.
    for swing in range(40):
        machine.slowdown = 1.25 if swing % 2 else 0.7
        machine.run(15)
    assert machine.changes <= 20  # of 40 swings in ten minutes


def test_a_final_that_waits_is_pressure_whatever_the_load_says() -> None:
    admission = Admission()
    for name in ("a", "b"):
        admission.take(name, 0.0)
    assert admission.review(1.0, wait=0.8) is None
    assert admission.review(2.0, wait=0.1) is None  # a moment's wait is none
    for half in range(4, 12):
        changed = admission.review(half / 2, wait=0.8)
        if changed:
            break
    assert changed == "b"
    assert half / 2 >= 2.0 + CONFIG.patience
    assert admission.level("b") is Level.FINALS


def test_a_call_that_lags_is_late_until_it_has_caught_up() -> None:
    admission = Admission()
    admission.take("a", 0.0)
    admission.lags("a", CONFIG.max_lag - 0.1, 1.0)
    assert admission.level("a") is Level.FULL
    admission.lags("a", CONFIG.max_lag + 0.1, 2.0)
    assert admission.level("a") is Level.LATE
    assert admission.behind("a")
    admission.spent("a", 1.0, 2.5, partial=False)  # catching up says nothing about what it needs
    assert admission.load(3.0) < 0.3
    admission.lags("a", CONFIG.max_lag / 2, 3.0)
    assert admission.level("a") is Level.LATE
    admission.lags("a", 0.1, 4.0)
    assert admission.level("a") is Level.FULL


def test_a_call_asked_for_again_keeps_its_level() -> None:
    machine = Machine()
    for number in range(12):
        machine.add(f"c{number}")
    levels = machine.levels()
    assert all(machine.admission.take(name, 1.0) == level for name, level in levels.items())


def test_what_calls_cost_here_is_learnt() -> None:
    dear, cheap = Machine(), Machine()
    for machine, factor in ((dear, 2.0), (cheap, 0.25)):
        for number in range(2):
            machine.add(f"c{number}", 0.06 * factor, 0.1 * factor)
        machine.run(120)
    taken = {
        name: sum(machine.add(f"n{number}", 0.06, 0.1) is Level.FULL for number in range(20))
        for name, machine in (("dear", dear), ("cheap", cheap))
    }
    assert taken["cheap"] >= 8
    assert taken["dear"] <= 1


plans = st.lists(
    st.tuples(
        st.sampled_from(["add", "end", "slow", "run"]),
        st.floats(0.01, 0.15),
        st.floats(0.01, 0.25),
        st.integers(0, 30),
    ),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(plans)
def test_older_calls_are_never_served_worse_and_the_load_comes_below_its_bound(
    plan: list[tuple[str, float, float, int]],
) -> None:
    machine = Machine()
    for step, (what, finals, partials, number) in enumerate(plan):
        match what:
            case "add":
                machine.add(f"c{step}", finals, partials)
            case "end" if machine.calls:
                machine.end(list(machine.calls)[number % len(machine.calls)])
            case "slow":
                machine.slowdown = 0.5 + number / 20
            case "run":
                machine.run(number)
        levels = list(machine.levels().values())
        assert levels == sorted(levels, reverse=True)
    # Left alone, at most one more step a patience is needed for each level of each call.
    machine.run(40 + len(machine.calls) * 2 * 4)
    levels = list(machine.levels().values())
    fewest = len(levels) <= 1 or (levels[0] is Level.FINALS and set(levels[1:]) == {Level.LATE})
    assert fewest or machine.admission.load(machine.now) <= CONFIG.max_load + 1e-9
