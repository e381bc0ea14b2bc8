"""A recogniser under load on a simulated clock: real decodes, their measured CPU time, and no waiting.

One server (a core) serves any number of legs. The clock shows seconds of media time. A chunk of audio is there when its
last sample is; a step begins when the server is free, takes the CPU time it is measured to take, and what it publishes
is seen when it ends. Audio that comes meanwhile queues. So a minute of four calls is measured in as many seconds as
their decodes take, and other work on the machine changes nothing but the noise of the CPU timer.

Left out: the network, the sockets and the process's other work, which `bench.capacity` and `bench.latency` measure on
real calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.g711 import Pcm
from models.asr.types import Stream, Transcript, Urgency

CHUNK: Final = 0.02
"""Seconds of audio that arrive at once: a packet."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A transcript, and the media second at which it could be seen."""

    at: float
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class Waiting:
    """A leg that wants the server. `since`: media second from which on it has wanted it without getting it."""

    leg: int
    urgency: Urgency
    since: float


Policy = Callable[[Sequence[Waiting], float], int | None]
"""Which of the waiting legs to serve at a media second; None lets the server idle until more audio comes."""


def finals_first(waiting: Sequence[Waiting], now: float) -> int:
    """Finals before partials; among equals the one that has waited longest."""
    return min(waiting, key=lambda w: (-w.urgency, w.since, w.leg)).leg


@dataclass(slots=True)
class Run:
    """What happened. Seconds; `busy` is of CPU, the rest of media time.

    shown: per leg, in order. steps: how many. behind: the longest that a piece of urgent work waited for the server.
    """

    shown: list[list[Shown]]
    busy: float = 0.0
    end: float = 0.0
    steps: int = 0
    behind: float = 0.0

    def load(self, media: float) -> float:
        """Share of the core that `media` seconds of calls took."""
        return self.busy / media if media else 0.0


def simulate(
    streams: Sequence[Stream],
    audio: Sequence[Pcm],
    *,
    policy: Policy = finals_first,
    timer: Callable[[], float] = time.process_time,
    speed: float = 1.0,
    chunk: float = CHUNK,
) -> Run:
    """Feed each stream its int16 [n] from media second 0, serve them as `policy` says, and finish them.

    timer: seconds of CPU used so far. Threads of the recogniser count as if they ran one after another: give it one.
    speed: of the simulated core, in units of the one this runs on.

    Raises:
        ValueError: not as many pieces of audio as streams.
    """
    if len(streams) != len(audio):
        raise ValueError(f"{len(streams)} streams and {len(audio)} pieces of audio")
    sizes = [round(stream.sample_rate * chunk) for stream in streams]
    chunks = [-(-pcm.size // size) for pcm, size in zip(audio, sizes, strict=True)]
    fed = [0] * len(streams)
    since: dict[int, tuple[Urgency, float]] = {}
    run = Run([[] for _ in streams])
    now = 0.0
    arrived = 0
    last = max(chunks, default=0)
    while True:
        # Half a sample of slack: chunk k is there at (k + 1) * chunk seconds, whatever the rounding.
        arrived = max(arrived, int(now / chunk + 1e-6))
        for leg, stream in enumerate(streams):
            while fed[leg] < min(arrived, chunks[leg]):
                begin = fed[leg] * sizes[leg]
                stream.feed(audio[leg][begin : begin + sizes[leg]])
                fed[leg] += 1
                if fed[leg] == chunks[leg]:
                    stream.finish()
        waiting = _who_waits(streams, since, now)
        chosen = policy(waiting, now) if waiting else None
        if chosen is None:
            if arrived >= last:
                if waiting:
                    raise ValueError("the policy serves nobody, no audio is to come, and legs wait")
                break
            arrived += 1
            now = arrived * chunk
            continue
        urgency, waited_since = since.pop(chosen)
        if urgency is Urgency.FINAL:
            run.behind = max(run.behind, now - waited_since)
        before = timer()
        published = streams[chosen].step()
        took = (timer() - before) / speed
        now += took
        run.busy += took
        run.steps += 1
        run.shown[chosen] += [Shown(now, transcript) for transcript in published]
    run.end = now
    return run


def _who_waits(streams: Sequence[Stream], since: dict[int, tuple[Urgency, float]], now: float) -> list[Waiting]:
    waiting = []
    for leg, stream in enumerate(streams):
        urgency = stream.urgency()
        if urgency is Urgency.NONE:
            since.pop(leg, None)
            continue
        if leg not in since or since[leg][0] is not urgency:
            since[leg] = (urgency, now)
        waiting.append(Waiting(leg, urgency, since[leg][1]))
    return waiting
