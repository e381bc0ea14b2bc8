"""A build of pjsua2 in which the screen can't be set up: it says so and refuses nobody."""

import ctypes
from typing import cast

from gateway.endpoint.screen import Screen


class Library:
    """Has none of the functions."""


def screen() -> Screen:
    made = Screen(cast(ctypes.CDLL, Library()))
    made.known = lambda host: False
    return made


def test_without_the_functions_nothing_is_screened() -> None:
    made = screen()
    made.verify("127.0.0.1", 9, lambda: None, patience_s=0.1)
    assert not made.works
    made.tell()


def test_a_message_that_is_not_the_one_sent_proves_nothing() -> None:
    made = screen()
    memory = ctypes.create_string_buffer(8192)
    text = b"INVITE sip:900@10.0.0.1 SIP/2.0\r\n\r\n"
    base = ctypes.addressof(memory)
    memory[320 : 320 + len(text)] = text
    memory[4368:4377] = b"127.0.0.1"
    ctypes.c_void_p.from_address(base + 4424).value = base + 320
    ctypes.c_int.from_address(base + 4432).value = len(text)
    look = made._guarded(lambda rdata, message, host: 1)
    made.verify("127.0.0.1", 9, lambda: look(base), patience_s=0.1)
    assert not made.works
    # And without proof nothing is refused, whatever lies there.
    assert look(base) == 0
    made.works = True
    assert look(base) == 1
    # A pointer that leads out of the packet is not followed.
    ctypes.c_void_p.from_address(base + 4424).value = base + 9000
    assert look(base) == 0
