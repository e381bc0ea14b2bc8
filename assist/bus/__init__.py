"""The one bus: NATS core for what may be lost, JetStream for what may not.

Subjects::

    calls.<call_id>.in.<Type>    durable: what gateway, transcriber and people report  ┐ stream CALLS
    calls.<call_id>.out.<Type>   durable: what is decided, saved and measured          ┘
    live.<call_id>               partials, newest wins, never stored
    audio.<call_id>.<party>      one leg's audio, never stored
    asr.claim                    request to the queue group of transcribers
    asr.beat                     transcribers' heartbeats
    gateway.control              what an admin asks the gateway's processes (assist/control.py)
    ears.…                       team leads at a call (assist/bus/ears.py), never stored

A :class:`Bus` connects in the background and goes on trying for ever, so that a call never waits for the broker.
Durable events go through an outbox that keeps their order and sends again until the broker has acknowledged; the
``Nats-Msg-Id`` makes a second sending harmless.
"""

from assist.bus.address import BusAddress
from assist.bus.client import BEAT_SUBJECT, CLAIM_SUBJECT, SYSTEM, Bus
from assist.bus.streams import STREAM, EventHandler

__all__ = ["BEAT_SUBJECT", "CLAIM_SUBJECT", "STREAM", "SYSTEM", "Bus", "BusAddress", "EventHandler"]
