"""The SIP side of a booth: leads' phones dialled, their seats told what happens, commands of each seat carried out.

Runs on the thread that made the endpoint. Nothing here waits for the bus.
"""

import contextlib
import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from assist.config import Settings, leads_of
from gateway.booth.ear import Ear
from gateway.booth.hall import Asked, Hall, News, Ordered, Over, Silent
from gateway.booth.seat import (
    BEEPS,
    NORMAL,
    Attend,
    Depart,
    Dial,
    HangUp,
    Order,
    Publish,
    Reply,
    Seat,
    SeatCommand,
    Signal,
)
from gateway.endpoint import Endpoint, Leg
from gateway.endpoint.port import SourcePort
from gateway.errors import LegError
from gateway.fork import Ring
from gateway.notices import Confirmed, Digit, Gone, Invite, MediaChanged, Notice
from gateway.routing import from_header

_FORBIDDEN: Final = 403
_UNAVAILABLE: Final = 503
_FORGET_AFTER_S: Final = 40.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Place:
    seat: Seat
    ear: Ear = field(default_factory=Ear)
    asked: int = 0
    leg: int | None = None
    ring: Ring = field(default_factory=Ring)
    port: SourcePort | None = None


class BoothService:
    """The leads of one booth.

    Args:
        endpoint: pjsua2, listening.
        hall: the bus.
        settings: the leads.
        index: this booth's number, from 0.
    """

    def __init__(self, endpoint: Endpoint, hall: Hall, settings: Settings, index: int) -> None:
        self._endpoint = endpoint
        self._hall = hall
        self._index = index
        self._places = {lead.id: _Place(Seat(lead, ring_s=settings.booth.ring_s)) for lead in leads_of(settings, index)}
        self._by_leg: dict[int, str] = {}
        self._leaving: dict[int, float] = {}

    @property
    def busy(self) -> bool:
        """Whether any dialog is up or being closed."""
        return bool(self._by_leg or self._leaving)

    def apply(self, settings: Settings) -> None:
        """Take phones, queues and rights of the known leads anew; leads that come or go need a restart."""
        for lead in settings.lead:
            place = self._places.get(lead.id)
            if place is not None:
                place.seat.lead = lead
        for lead_id in set(self._places) - {lead.id for lead in settings.lead}:
            place = self._places[lead_id]
            place.seat.lead = place.seat.lead.model_copy(update={"queues": (), "may": ()})
            self._carry_out(place, place.seat.shut_down(time.time()))

    def turn(self, timeout: float) -> None:
        """Let SIP happen for at most ``timeout`` seconds, then handle what came of it and what the bus brought."""
        self._endpoint.poll(timeout)
        with contextlib.suppress(queue.Empty):
            while True:
                self._notice(self._endpoint.notices.get_nowait())
        with contextlib.suppress(queue.Empty):
            while True:
                self._news(self._hall.inbox.get_nowait())
        now = time.time()
        for place in self._places.values():
            self._carry_out(place, place.seat.tick(now))
        for leg, since in list(self._leaving.items()):
            if time.monotonic() - since > _FORGET_AFTER_S:
                self._release(leg)

    def shut_down(self) -> None:
        """Hang up every phone."""
        for place in self._places.values():
            self._carry_out(place, place.seat.shut_down(time.time()))

    # --- what happens --------------------------------------------------------------------------------------------

    def _notice(self, notice: Notice) -> None:
        if isinstance(notice, Invite):
            # A booth calls; nobody calls it.
            leg = self._endpoint.leg(notice.leg)
            self._leaving[notice.leg] = time.monotonic()
            if leg is not None:
                _hang_up(leg, _FORBIDDEN)
            return
        if isinstance(notice, Gone) and notice.leg in self._leaving:
            self._release(notice.leg)
            return
        place = self._places.get(self._by_leg.get(notice.leg, ""))
        if place is None:
            return
        now = time.time()
        match notice:
            case Confirmed():
                self._carry_out(place, place.seat.phone_up(now))
            case MediaChanged():
                self._connect(place)
            case Digit(_, digit):
                self._carry_out(place, place.seat.key(digit, now))
            case Gone(key, code):
                log.info("booth.phone_gone", lead=place.seat.lead.id, code=code)
                self._drop(place)
                self._release(key)
                self._carry_out(place, place.seat.phone_gone(code, now))
            case _:
                pass

    def _news(self, news: News) -> None:
        now = time.time()
        match news:
            case Asked(lead_id, ask, number):
                place = self._places[lead_id]
                place.asked = number
                log.info("booth.asked", lead=lead_id, call_id=ask.call_id, wish=ask.wish)
                self._carry_out(place, place.seat.ask(ask.call_id, ask.wish, now))
            case Ordered(lead_id, order, answer):
                place = self._places[lead_id]
                self._carry_out(place, place.seat.ordered(order, answer, now))
            case Silent(lead_id):
                place = self._places[lead_id]
                self._carry_out(place, place.seat.silent(now))
            case Over(call_id):
                for place in self._places.values():
                    self._carry_out(place, place.seat.call_ended(call_id, now))

    # --- commands ------------------------------------------------------------------------------------------------

    def _carry_out(self, place: _Place, commands: Sequence[SeatCommand]) -> None:
        lead_id = place.seat.lead.id
        for command in commands:
            match command:
                case Dial(called_for):
                    self._dial(place, called_for)
                case HangUp(code):
                    self._hang_up(place, code)
                case Order():
                    self._hall.order(lead_id, command)
                case Reply(answer):
                    self._hall.reply(place.asked, answer)
                case Attend(call_id, mode):
                    self._hall.attend(lead_id, call_id, mode, place.ear, place.ring)
                case Depart():
                    self._hall.depart(lead_id)
                case Signal(None):
                    place.ear.refuse()
                case Signal(mode) if mode is not None:
                    place.ear.confirm(BEEPS[mode])
                case Publish(event):
                    self._hall.send(event)

    def _dial(self, place: _Place, called_for: str) -> None:
        seat = place.seat
        leg = self._endpoint.new_leg()
        try:
            if len(self._by_leg) + len(self._leaving) >= self._endpoint.dialogs:
                raise LegError("every dialog is taken; the last calls are still being closed")
            place.port = self._endpoint.take_source()
            place.ring = Ring()
            self._endpoint.fork(leg, place.ring)
            host, port = self._endpoint.address
            leg.dial(seat.lead.sip, from_header(f'"Apuntador {called_for}" <sip:apuntador@{host}>', f"{host}:{port}"))
        except LegError as err:
            log.error("booth.dial_failed", lead=seat.lead.id, error=str(err))
            self._drop(place)
            self._endpoint.release(leg.key)
            self._carry_out(place, seat.phone_gone(_UNAVAILABLE, time.time()))
            return
        place.leg = leg.key
        self._by_leg[leg.key] = seat.lead.id
        if place.port is not None:
            place.port.play(place.ear.pull)

    def _connect(self, place: _Place) -> None:
        leg = self._endpoint.leg(place.leg) if place.leg is not None else None
        if leg is None or place.port is None:
            return
        try:
            if leg.refresh_media():
                leg.hear(place.port)
        except LegError as err:
            log.warning("booth.media_failed", lead=place.seat.lead.id, error=str(err))

    def _hang_up(self, place: _Place, code: int) -> None:
        leg = self._endpoint.leg(place.leg) if place.leg is not None else None
        key = place.leg
        self._drop(place)
        if leg is not None and key is not None:
            self._leaving[key] = time.monotonic()
            _hang_up(leg, code)

    def _drop(self, place: _Place) -> None:
        """The lead's phone is the lead's no more: it may be called again at once."""
        leg = self._endpoint.leg(place.leg) if place.leg is not None else None
        if place.port is not None:
            if leg is not None:
                leg.hear_no_more(place.port)
            self._endpoint.give_source(place.port)
        if place.leg is not None:
            self._by_leg.pop(place.leg, None)
        place.ring.close()
        place.port = place.leg = None

    def _release(self, leg: int) -> None:
        self._leaving.pop(leg, None)
        self._endpoint.release(leg)


def _hang_up(leg: Leg, code: int) -> None:
    try:
        leg.hang_up(code if code else NORMAL)
    except LegError as err:
        log.debug("booth.hang_up_failed", error=str(err))
