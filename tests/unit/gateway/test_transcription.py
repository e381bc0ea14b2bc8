"""Owning a call's transcription: claims, replay, a dead owner, a lost broker, the end."""

from assist.events import Party
from assist.wire import AudioChunk, Beat, Claim, ClaimAnswer
from gateway.fork import Piece
from gateway.transcription import (
    AFTER_END_S,
    ASK_ELSEWHERE_S,
    ASK_EVERY_S,
    BEAT_LIMIT_S,
    Ask,
    Order,
    SendAudio,
    Tell,
    Transcription,
)

PIECE = 480


def piece(number: int) -> Piece:
    return Piece(number * PIECE, bytes([number % 256, 0]) * PIECE)


def chunks(orders: list[Order], party: Party = "customer") -> list[AudioChunk]:
    return [order.chunk for order in orders if isinstance(order, SendAudio) and order.party == party]


def asked(orders: list[Order]) -> Claim:
    (claim,) = [order.claim for order in orders if isinstance(order, Ask)]
    return claim


def told(orders: list[Order]) -> list[str]:
    return [order.level for order in orders if isinstance(order, Tell)]


def yes(worker: str = "t1") -> ClaimAnswer:
    return ClaimAnswer(worker_id=worker, accepted=True)


NO = ClaimAnswer(worker_id="t9", accepted=False, reason="full")


class Scene:
    """A call with both legs up and a clock of its own."""

    def __init__(self, keep_s: float = 30.0) -> None:
        self.t = Transcription("c1", "es", keep_s=keep_s)
        self.now = 10.0
        self.number = 0
        self.t.leg_began("customer", 1000.0, self.now)
        self.t.leg_began("agent", 1000.5, self.now)

    def tick(self, seconds: float = 0.0, *, connected: bool = True) -> list[Order]:
        self.now += seconds
        return self.t.tick(self.now, connected=connected)

    def hear(self, pieces: int) -> list[Order]:
        orders: list[Order] = []
        for _ in range(pieces):
            for party in ("customer", "agent"):
                orders += self.t.audio(party, piece(self.number))  # type: ignore[arg-type]
            self.number += 1
        return orders

    def own(self, worker: str = "t1") -> list[Order]:
        return self.t.answered(asked(self.tick()), yes(worker), self.now)

    def beat(self, done: int, worker: str = "t1", call: str = "c1") -> None:
        self.t.beat(Beat(worker_id=worker, done={call: {"customer": done, "agent": done}}, lag=0.0), self.now)


def test_a_new_call_is_claimed_from_its_start_and_what_was_kept_comes_first() -> None:
    scene = Scene()
    scene.hear(3)
    claim = asked(scene.tick())
    assert claim == Claim(
        call_id="c1",
        language="es",
        rate=8000,
        epoch={"customer": 1000.0, "agent": 1000.5},
        resume={"customer": 0, "agent": 0},
    )
    assert scene.tick(0.1) == []  # not asked twice
    orders = scene.t.answered(claim, yes(), scene.now)
    assert [(c.start, c.replay) for c in chunks(orders)] == [(0, True), (480, True), (960, True)]
    assert [(c.start, c.replay) for c in chunks(scene.hear(1))] == [(1440, False)]
    assert scene.t.owner == "t1"


def test_the_claim_waits_a_moment_for_the_second_leg() -> None:
    t = Transcription("c1", "es", keep_s=30)
    assert t.tick(0.0, connected=True) == []
    t.leg_began("customer", 1000.0, 0.0)
    assert t.tick(0.1, connected=True) == []
    claim = asked(t.tick(0.6, connected=True))
    assert claim.epoch == {"customer": 1000.0}
    # The other leg begins while the claim is on its way: all of it is sent.
    t.leg_began("agent", 1000.6, 0.7)
    t.audio("agent", piece(0))
    assert [c.start for c in chunks(t.answered(claim, yes(), 0.8), "agent")] == [0]


def test_a_call_is_offered_on_at_once_when_another_has_more_room() -> None:
    scene = Scene()
    busy = ClaimAnswer(worker_id="t9", accepted=False, reason="another has more room", elsewhere=True)
    for attempt in range(3):
        claim = asked(scene.tick())
        assert claim.attempt == attempt
        assert scene.t.answered(claim, busy, scene.now) == []
        scene.now += ASK_ELSEWHERE_S
    assert scene.own() == []


def test_a_call_taken_back_without_partials_is_not_told_to_be_well() -> None:
    for level, said in (("full", "ok"), ("finals", "reduced"), ("late", "reduced")):
        scene = Scene()
        scene.own()
        claim = asked(scene.tick(BEAT_LIMIT_S + 0.1))
        answer = ClaimAnswer(worker_id="t2", accepted=True, level=level)  # type: ignore[arg-type]
        assert told(scene.t.answered(claim, answer, scene.now)) == [said]


def test_a_late_transcriber_is_waited_for_as_long_as_it_lives() -> None:
    scene = Scene()
    scene.own()
    scene.hear(200)
    for party in ("customer", "agent"):
        scene.t.leg_ended(party, 200 * PIECE)  # type: ignore[arg-type]
    scene.t.call_ended(scene.now)
    for second in range(300):
        scene.now += 1.0
        scene.beat(done=second * PIECE // 2)
        assert scene.tick() == []
    assert not scene.t.finished
    # When it dies the rest is offered to another, and after a while to nobody.
    claim = asked(scene.tick(BEAT_LIMIT_S + 0.1))
    assert claim.resume["customer"] == 299 * PIECE // 2
    scene.t.answered(claim, None, scene.now)
    scene.tick(AFTER_END_S + 0.1)
    assert scene.t.finished


def test_asked_again_every_half_second_until_somebody_takes_it() -> None:
    scene = Scene()
    for answer in (None, NO, None):
        claim = asked(scene.tick())
        assert scene.t.answered(claim, answer, scene.now) == []
        assert scene.tick(ASK_EVERY_S - 0.1) == []
        scene.now += 0.1
    assert scene.own() == []


def test_nobody_for_two_seconds_is_told_once_and_taken_back() -> None:
    scene = Scene()
    levels: list[str] = []
    for _ in range(8):
        orders = scene.tick(0.5)
        levels += told(orders)
        for order in orders:
            if isinstance(order, Ask):
                scene.t.answered(order.claim, None, scene.now)
    assert levels == ["down"]
    scene.now += 0.5
    assert told(scene.own()) == ["ok"]


def test_a_silent_owner_is_replaced_and_unsettled_audio_replayed() -> None:
    scene = Scene()
    scene.own()
    scene.hear(20)
    scene.beat(done=5 * PIECE + 100)
    assert scene.tick(BEAT_LIMIT_S) == []
    scene.hear(5)
    orders = scene.tick(0.1)
    assert told(orders) == ["down"]
    claim = asked(orders)
    assert claim.resume == {"customer": 2500, "agent": 2500}
    assert scene.hear(1) == []  # nobody to send to
    orders = scene.t.answered(claim, yes("t2"), scene.now)
    assert told(orders) == ["ok"]
    replayed = chunks(orders)
    assert replayed[0].start == 2500
    assert all(chunk.replay for chunk in replayed)
    assert replayed[-1].start + replayed[-1].samples == 26 * PIECE
    assert scene.t.owner == "t2"


def test_only_a_beat_of_the_owner_that_names_the_call_counts() -> None:
    scene = Scene()
    scene.own()
    for _ in range(5):
        scene.now += 0.5
        scene.beat(done=0, worker="t2")
        scene.beat(done=0, call="c2")
        orders = scene.tick()
    assert told(orders) == ["down"]


def test_a_beating_owner_stays_and_its_settled_audio_is_let_go() -> None:
    scene = Scene()
    scene.own()
    for _ in range(40):
        scene.hear(8)
        scene.now += 0.48
        scene.beat(done=(scene.number - 4) * PIECE)
        assert scene.tick() == []
    assert scene.t.kept_samples("customer") <= 5 * PIECE
    scene.beat(done=0)  # an old beat takes nothing back
    assert asked_resume(scene) == (scene.number - 4) * PIECE


def asked_resume(scene: Scene) -> int:
    return asked(scene.tick(BEAT_LIMIT_S + 0.1)).resume["customer"]


def test_kept_audio_is_bounded_and_resume_is_the_oldest_of_it() -> None:
    scene = Scene(keep_s=1.0)
    scene.hear(200)
    assert scene.t.kept_samples("agent") <= 8000 + PIECE
    claim = asked(scene.tick())
    assert claim.resume["customer"] == 200 * PIECE - scene.t.kept_samples("customer")
    assert chunks(scene.t.answered(claim, yes(), scene.now))[0].start == claim.resume["customer"]


def test_after_the_broker_was_away_the_call_is_claimed_again_from_what_was_settled() -> None:
    scene = Scene()
    scene.own()
    scene.hear(10)
    scene.beat(done=4 * PIECE)
    scene.t.broker_lost(scene.now)
    assert scene.tick(1.0, connected=False) == []
    assert scene.hear(10) == []
    claim = asked(scene.tick(0.5))
    assert claim.resume["customer"] == 4 * PIECE
    orders = scene.t.answered(claim, yes(), scene.now)
    assert [c.start // PIECE for c in chunks(orders)] == list(range(4, 20))
    assert told(orders) == []  # shorter than anybody needs to know


def test_an_answer_from_before_the_broker_went_counts_for_nothing() -> None:
    scene = Scene()
    claim = asked(scene.tick())
    scene.t.broker_lost(scene.now)
    assert scene.t.answered(claim, yes(), scene.now) == []
    assert scene.t.owner is None
    assert asked(scene.tick(0.1)) is not claim


def test_the_end_is_sent_once_and_served_until_settled() -> None:
    scene = Scene()
    scene.own()
    scene.hear(2)
    orders = scene.t.leg_ended("customer", 2 * PIECE) + scene.t.leg_ended("agent", 2 * PIECE)
    assert [(c.start, c.pcm, c.end) for c in chunks(orders)] == [(2 * PIECE, b"", True)]
    assert scene.t.leg_ended("customer", 2 * PIECE) == []
    scene.t.call_ended(scene.now)
    scene.tick(0.5)
    assert not scene.t.finished
    scene.beat(done=2 * PIECE)
    scene.tick()
    assert scene.t.finished
    assert scene.tick(5.0) == []


def test_an_owner_that_no_longer_names_an_ended_call_has_settled_it() -> None:
    scene = Scene()
    scene.own()
    scene.hear(2)
    scene.beat(done=0)
    scene.beat(done=0, call="c2")
    assert not scene.t.finished
    for party in ("customer", "agent"):
        scene.t.leg_ended(party, 2 * PIECE)  # type: ignore[arg-type]
    scene.t.call_ended(scene.now)
    scene.beat(done=0, call="c2")
    assert scene.t.finished
    assert scene.tick(BEAT_LIMIT_S + 1) == []


def test_an_owner_that_dies_after_the_end_is_replaced_and_gets_the_end_too() -> None:
    scene = Scene()
    scene.own()
    scene.hear(4)
    for party in ("customer", "agent"):
        scene.t.leg_ended(party, 4 * PIECE)  # type: ignore[arg-type]
    scene.t.call_ended(scene.now)
    claim = asked(scene.tick(BEAT_LIMIT_S + 0.1))
    again = chunks(scene.t.answered(claim, yes("t2"), scene.now))
    assert [c.end for c in again] == [False] * 4 + [True]
    assert again[-1].start == 4 * PIECE


def test_nobody_is_served_for_ever() -> None:
    scene = Scene()
    claim = asked(scene.tick())
    for party in ("customer", "agent"):
        scene.t.leg_ended(party, 0)  # type: ignore[arg-type]
    scene.t.call_ended(scene.now)
    scene.tick(AFTER_END_S - 0.1)
    assert not scene.t.finished
    scene.tick(0.2)
    assert not scene.t.finished  # a claim is on its way
    scene.t.answered(claim, None, scene.now)
    scene.tick()
    assert scene.t.finished


def test_a_call_without_media_is_finished_at_its_end() -> None:
    t = Transcription("c1", "es", keep_s=30)
    t.call_ended(1.0)
    assert t.tick(1.0, connected=True) == []
    assert t.finished
