"""Who of the leads at a call may do what, as the call's worker decides."""

import pytest

from assist.events import LeadMode
from assist.wire import EarsAnswer, EarsOrder
from gateway.gallery import LOST_S, Gallery


def made(*, voice: bool = True) -> Gallery:
    return Gallery("soporte", voice)


def order(gallery: Gallery, lead: str, wish: str, now: float = 0.0) -> EarsAnswer:
    return gallery.order(EarsOrder(lead_id=lead, wish=wish), now)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "reach"),
    [
        ("listen", set()),
        ("whisper", {"agent"}),
        ("barge", {"agent", "customer"}),
        ("take_over", {"customer"}),
    ],
)
def test_whom_each_mode_reaches(mode: LeadMode, reach: set[str]) -> None:
    gallery = made()
    assert order(gallery, "luz", mode).accepted
    assert gallery.reach == reach
    assert gallery.mode("luz") == mode
    assert gallery.speaker == (None if mode == "listen" else "luz")


def test_looking_tells_the_queue_and_leaves_nothing_behind() -> None:
    gallery = made()
    assert order(gallery, "luz", "look") == EarsAnswer(accepted=True, queue="soporte")
    assert len(gallery) == 0


def test_one_speaks_and_any_number_listens() -> None:
    gallery = made()
    assert order(gallery, "luz", "whisper").accepted
    for lead in ("marta", "juan", "eva"):
        assert order(gallery, lead, "listen").accepted
    for wish in ("whisper", "barge", "take_over"):
        answer = order(gallery, "marta", wish)
        assert (answer.accepted, answer.reason, answer.by) == (False, "speaking", "luz")
    assert gallery.mode("marta") == "listen"
    assert order(gallery, "luz", "listen").accepted
    assert order(gallery, "marta", "barge").accepted
    assert gallery.leads == ("luz", "marta", "juan", "eva")


def test_a_speaker_changes_modes_freely_until_the_call_is_taken_over() -> None:
    gallery = made()
    for wish in ("whisper", "barge", "listen", "whisper", "take_over"):
        assert order(gallery, "luz", wish).accepted
    for wish in ("listen", "whisper", "barge"):
        assert order(gallery, "luz", wish).reason == "taken_over"
    assert order(gallery, "marta", "whisper").reason == "taken_over"
    assert order(gallery, "marta", "listen").accepted
    assert gallery.taken_by == "luz"
    assert order(gallery, "luz", "take_over").accepted  # again, after a pause of the broker
    assert order(gallery, "luz", "leave").accepted
    assert gallery.taken_by is None


def test_a_call_that_others_bridge_can_only_be_listened_to() -> None:
    gallery = made(voice=False)
    assert order(gallery, "luz", "listen").accepted
    assert order(gallery, "luz", "whisper").reason == "listen_only"


def test_leaving_twice_and_keeping_without_being_there() -> None:
    gallery = made()
    order(gallery, "luz", "listen")
    assert order(gallery, "luz", "leave").accepted
    assert order(gallery, "luz", "leave").reason == "not_there"
    assert order(gallery, "luz", "keep").reason == "lost"


def test_a_lead_whose_booth_is_silent_is_forgotten() -> None:
    gallery = made()
    order(gallery, "luz", "whisper", 0.0)
    order(gallery, "marta", "listen", 0.0)
    order(gallery, "luz", "keep", 3.0)
    assert gallery.lost(LOST_S + 0.1) == ["marta"]
    assert gallery.leads == ("luz",)
    gallery.all_seen(100.0)
    assert gallery.lost(100.0 + LOST_S) == []
    assert gallery.lost(100.1 + LOST_S) == ["luz"]
    assert gallery.reach == frozenset()
