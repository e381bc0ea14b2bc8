"""What pjsua2 doesn't offer, done with the C library below it: to answer a REFER ourselves, and to count hops.

pjsua2 dials the target of a REFER by itself and past the switchboard, or refuses it. So REFERs are taken out before
they get to it: a module of our own stands between PJSIP's transaction layer (priority 16) and its dialogs (32), answers
them and hands them over. Where the library hides its symbols, or a message isn't where it is expected, nothing is taken
out and pjsua2's refusal stands.
"""

import contextlib
import ctypes
import struct
from collections.abc import Callable, Iterator
from typing import Final

import pjsua2 as pj
import structlog

from gateway.endpoint.pjsip import BEHIND_TRANSACTIONS, Callback, Module, Text, endpoint

_SCAN_FROM: Final = 4000
_SCAN_TO: Final = 4700
"""In a received message's structure (2.15: 4,424) the pointer to its text follows the packet's 4,000 bytes."""
_MAX_FORWARDS_AT: Final = 64
"""Of a Max-Forwards header's structure: after links, type, two names and a pointer."""
_MOST_HEADERS: Final = 16
MAX_FORWARDS: Final = 70

log = structlog.get_logger(__name__)


class ReferTrap:
    """Takes REFERs out of PJSIP; lives as long as the library.

    Args:
        library: the C library, initialised.
        on_refer: gets a REFER's text on the thread that polls; returns the status to answer with, 0 to let it through.
            It must not raise, and must not give pjsua2 orders.
    """

    def __init__(self, library: ctypes.CDLL, on_refer: Callable[[str], int]) -> None:
        self._library = library
        self._on_refer = on_refer
        self.works = False
        try:
            self._info = library.pjsip_rx_data_get_info
            self._respond = library.pjsip_endpt_respond
            self._info.restype, self._info.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
            self._respond.argtypes = [*[ctypes.c_void_p] * 3, ctypes.c_int, *[ctypes.c_void_p] * 4]
            # Both must outlive the library: it calls through them.
            self._callback = Callback(self._on_request)
            self._module = Module.of("mod-apuntador-refer", BEHIND_TRANSACTIONS, self._callback)
            self.works = self._module.register(library)
        except AttributeError:
            return

    def _on_request(self, rdata: int) -> int:
        try:
            if b" REFER/" not in (self._info(rdata) or b""):
                return 0
            text = _text_of(rdata)
            code = self._on_refer(text) if text.startswith("REFER ") else 0
            if not code:
                return 0
            module = ctypes.addressof(self._module)
            return int(self._respond(endpoint(self._library), module, rdata, code, None, None, None, None) == 0)
        except Exception as err:
            log.error("gateway.callback_failed", callback="on_rx_request", error=repr(err))
            return 0


def _text_of(rdata: int) -> str:
    raw = ctypes.string_at(rdata, _SCAN_TO)
    for at in range(_SCAN_FROM, _SCAN_TO - 12, 8):
        pointer, length = struct.unpack_from("=Qi", raw, at)
        # The only pointer there into the packet, which is part of the structure.
        if rdata < pointer < rdata + _SCAN_FROM and 0 < length <= _SCAN_FROM:
            return ctypes.string_at(pointer, length).decode("utf-8", "replace")
    return ""


def has_dialog(library: ctypes.CDLL, call_id: str, local_tag: str, remote_tag: str) -> bool:
    """Whether there is a dialog of these tags here (RFC 3261, section 12)."""
    try:
        find = library.pjsip_ua_find_dialog
    except AttributeError:
        return False
    find.restype = ctypes.c_void_p
    find.argtypes = [*[ctypes.c_void_p] * 3, ctypes.c_int]
    texts = [Text.of(text) for text in (call_id, local_tag, remote_tag)]
    return find(*[ctypes.byref(text) for text in texts], 0) is not None


@contextlib.contextmanager
def max_forwards(library: ctypes.CDLL, hops: int) -> Iterator[None]:
    """Requests made within get ``Max-Forwards: hops`` (RFC 7332, section 5: a B2BUA hands on one less than it got)."""
    try:
        headers = library.pjsip_endpt_get_request_headers
        headers.restype, headers.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        first = headers(endpoint(library))
    except AttributeError:
        yield
        return
    found = None
    at = _link(first)
    for _ in range(_MOST_HEADERS):
        if at == first:
            break
        if ctypes.c_int.from_address(at + 16).value == pj.PJSIP_H_MAX_FORWARDS:
            found = ctypes.c_uint.from_address(at + _MAX_FORWARDS_AT)
            break
        at = _link(at)
    if found is None or found.value != MAX_FORWARDS:
        yield  # another layout than the one known: better 70 than a wild write
        return
    found.value = hops
    try:
        yield
    finally:
        found.value = MAX_FORWARDS


def _link(address: int) -> int:
    return int(ctypes.c_void_p.from_address(address + 8).value or 0)
