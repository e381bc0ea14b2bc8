"""Properties of the endpointer, on scripts of probabilities."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.asr.endpoint import Closed, EndpointConfig, Endpointer, Event, Opened, Paused, Resumed, Span

S, Q = 0.9, 0.05  # speech, quiet


def run(probabilities: list[float], config: EndpointConfig | None = None, flush: bool = True) -> list[Event]:
    endpointer = Endpointer(config)
    events: list[Event] = []
    for p in probabilities:
        events += endpointer.push(p)
    return events + (endpointer.flush() if flush else [])


def spans(events: list[Event]) -> list[Span]:
    return [e.span for e in events if isinstance(e, Closed)]


def test_one_utterance_opens_pauses_and_closes_with_the_span_it_paused_with() -> None:
    events = run([Q] * 20 + [S] * 30 + [Q] * 20, flush=False)
    assert [type(e) for e in events] == [Opened, Paused, Closed]
    paused, closed = events[1], events[2]
    assert isinstance(paused, Paused)
    assert isinstance(closed, Closed)
    assert paused.span == closed.span == Span(begin=13, speech_begin=20, speech_end=50, end=54)


def test_the_pause_comes_after_128_ms_and_the_end_after_384_ms() -> None:
    endpointer = Endpointer()
    for _ in range(20):
        endpointer.push(S)
    silent_at = {type(e): k for k in range(1, 20) for e in endpointer.push(Q)}
    assert silent_at[Paused] * 0.032 == 0.128
    assert silent_at[Closed] * 0.032 == 0.384


def test_speech_within_the_hangover_resumes_the_same_utterance() -> None:
    events = run([S] * 20 + [Q] * 8 + [S] * 20 + [Q] * 20)
    assert [type(e) for e in events] == [Opened, Paused, Resumed, Paused, Closed]


def test_a_click_is_not_speech() -> None:
    assert run([Q] * 10 + [S, S] + [Q] * 20) == []


def test_two_utterances_never_share_audio() -> None:
    first, second = spans(run([S] * 10 + [Q] * 14 + [S] * 10 + [Q] * 20))
    assert first.end <= second.begin


def test_a_long_utterance_is_split_at_its_quietest_recent_frame() -> None:
    config = EndpointConfig()
    endpointer = Endpointer(config)
    longest = config.frames(config.longest)
    closed: list[Span] = []
    for k in range(longest + 20):
        closed += spans(endpointer.push(S, level=0.01 if abs(k - (longest - 40)) <= 1 else 0.2))
    assert [s.end for s in closed] == [longest - 40]
    assert endpointer.current is not None
    assert endpointer.current.begin == longest - 40


def test_flush_closes_and_jump_forgets_the_time_between() -> None:
    endpointer = Endpointer()
    for _ in range(10):
        endpointer.push(S)
    assert spans(endpointer.flush()) == [Span(0, 0, 10, 10)]
    endpointer.jump(1000)
    assert endpointer.needed == 1000
    events = [e for _ in range(5) for e in endpointer.push(S)]
    assert isinstance(events[0], Opened)
    assert events[0].span.begin == 1000


script = st.lists(
    st.tuples(st.sampled_from([0.02, 0.3, 0.45, 0.6, 0.98]), st.integers(1, 60)), min_size=1, max_size=25
).map(lambda runs: [p for p, n in runs for _ in range(n)])


@given(script)
def test_events_alternate_and_spans_are_ordered_and_bounded(probabilities: list[float]) -> None:
    config = EndpointConfig(longest=3.0, search=1.0)
    state = "idle"
    allowed = {
        ("idle", Opened): "open",
        ("open", Paused): "paused",
        ("paused", Resumed): "open",
        ("open", Closed): "idle",
        ("paused", Closed): "idle",
    }
    events = run(probabilities, config)
    for event in events:
        state = allowed[state, type(event)]
    assert state == "idle"
    end = 0
    for span in spans(events):
        assert end <= span.begin <= span.speech_begin < span.speech_end <= span.end <= len(probabilities)
        assert span.end - span.begin <= config.frames(config.longest)
        end = span.end


@given(script)
def test_what_is_needed_never_moves_back_and_covers_every_later_span(probabilities: list[float]) -> None:
    endpointer = Endpointer(EndpointConfig(longest=3.0, search=1.0))
    needed = [endpointer.needed]
    for p in probabilities:
        for event in endpointer.push(p):
            if isinstance(event, Closed | Opened):
                assert event.span.begin >= needed[-1]
        needed.append(endpointer.needed)
    assert needed == sorted(needed)
    assert needed[-1] <= endpointer.position


@given(script)
def test_frames_of_certain_speech_are_lost_only_in_bursts_too_short(probabilities: list[float]) -> None:
    config = EndpointConfig(longest=3.0, search=1.0)
    covered = {k for s in spans(run(probabilities, config)) for k in range(s.begin, s.end)}
    shortest = config.frames(config.min_speech)
    for k in range(len(probabilities) - shortest + 1):
        if all(p >= config.on for p in probabilities[k : k + shortest]):
            assert set(range(k, k + shortest)) <= covered
