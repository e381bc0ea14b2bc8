"""Counting the calls of a trunk over several workers: never more than allowed, and no when it can't be told."""

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assist.config import Outbound, Trunk
from gateway.route.lease import Leases


def trunk(name: str = "carrier", *, max_calls: int = 2, max_per_minute: int = 100) -> Trunk:
    return Trunk(name=name, outbound=Outbound(max_calls=max_calls, max_per_minute=max_per_minute))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_calls_at_once_over_two_workers(tmp_path: Path) -> None:
    one, two = Leases(tmp_path, "gateway.0"), Leases(tmp_path, "gateway.1")
    assert one.take(trunk(), "a") is None
    assert two.take(trunk(), "b") is None
    assert one.take(trunk(), "c") == two.take(trunk(), "d") == "max_calls"
    assert two.take(trunk("other"), "e") is None
    one.give_back("b")  # not its own
    assert one.take(trunk(), "f") == "max_calls"
    two.give_back("b")
    assert one.take(trunk(), "g") is None


def test_calls_within_a_minute_whether_they_have_ended_or_not(tmp_path: Path) -> None:
    clock = Clock()
    leases = Leases(tmp_path, "gateway.0", clock)
    limits = trunk(max_calls=50, max_per_minute=2)
    for call in ("a", "b"):
        assert leases.take(limits, call) is None
        leases.give_back(call)
    assert leases.take(limits, "c") == "max_per_minute"
    clock.now += 59
    assert leases.take(limits, "c") == "max_per_minute"
    clock.now += 2
    assert leases.take(limits, "c") is None
    clock.now -= 500  # the clock is set back: the window is not shut until it has come this far again
    assert leases.take(limits, "d") is None or leases.take(limits, "d") == "max_per_minute"
    leases.give_back("c")
    clock.now += 61
    assert leases.take(limits, "e") is None


def test_a_worker_that_was_killed_and_starts_again_holds_nothing(tmp_path: Path) -> None:
    assert Leases(tmp_path, "gateway.0").take(trunk(max_calls=1), "a") is None
    other = Leases(tmp_path, "gateway.1")
    assert other.take(trunk(max_calls=1), "b") == "max_calls"
    Leases(tmp_path, "gateway.0")
    assert other.take(trunk(max_calls=1), "c") is None


def test_no_calls_at_all(tmp_path: Path) -> None:
    assert Leases(tmp_path, "g").take(trunk(max_calls=0), "a") == "max_calls"
    assert Leases(tmp_path, "g").take(trunk(max_per_minute=0), "a") == "max_per_minute"


@pytest.mark.parametrize("damage", ["a folder", "rubbish", "no folder"])
def test_what_cannot_be_counted_is_refused(tmp_path: Path, damage: str) -> None:
    match damage:
        case "a folder":
            (tmp_path / "outbound.db").mkdir()
        case "rubbish":
            (tmp_path / "outbound.db").write_bytes(b"no database at all" * 100)
        case "no folder":
            (tmp_path / "run").write_text("")
            tmp_path = tmp_path / "run"
    leases = Leases(tmp_path, "gateway.0")
    assert leases.take(trunk(), "a") == "uncounted"
    leases.give_back("a")


def test_a_worker_that_sits_on_the_file_lets_no_call_through(tmp_path: Path) -> None:
    holder, other = Leases(tmp_path, "gateway.0"), Leases(tmp_path, "gateway.1")
    with holder._book():
        assert other.take(trunk(), "a") == "uncounted"
    assert other.take(trunk(), "a") is None


def _take_many(folder: Path, worker: int, taken: "multiprocessing.Queue[int]") -> None:
    leases = Leases(folder, f"gateway.{worker}")
    count = 0
    for number in range(12):
        count += leases.take(trunk(max_calls=7), f"{worker}-{number}") is None
    taken.put(count)


def test_processes_at_the_same_time_take_no_more_than_there_is(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    taken: multiprocessing.Queue[int] = context.Queue()
    workers = [context.Process(target=_take_many, args=(tmp_path, number, taken)) for number in range(3)]
    for worker in workers:
        worker.start()
    counts = [taken.get(timeout=45) for _ in workers]
    for worker in workers:
        worker.join(45)
    # One may be told "uncounted" when the others are busy for long; never may there be more.
    assert 1 <= sum(counts) <= 7


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.booleans(), st.floats(0, 40)), min_size=1, max_size=25
    )
)
def test_no_order_of_calls_breaks_a_cap(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, bool, float]]
) -> None:
    folder = tmp_path_factory.mktemp("lease")
    clock = Clock()
    workers = {name: Leases(folder, name, clock) for name in "ab"}
    limits = trunk(max_calls=2, max_per_minute=3)
    live: set[tuple[str, str]] = set()
    begun: list[float] = []
    for worker, call, ends, passes in steps:
        clock.now += passes
        key = (worker, f"{worker}{call}")
        if ends:
            workers[worker].give_back(key[1])
            live.discard(key)
        elif key not in live:
            recent = [at for at in begun if at > clock.now - 60]
            allowed = len(live) < 2 and len(recent) < 3
            assert (workers[worker].take(limits, key[1]) is None) is allowed
            if allowed:
                live.add(key)
                begun.append(clock.now)
