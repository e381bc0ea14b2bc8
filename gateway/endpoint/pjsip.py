"""pjsip's own structures as far as we make them, and a module of ours among its modules (sip_module.h).

pjsip hands each message to its modules in the order of their priorities; pjsua2 has no such hook, so this goes through
the C library below it.
"""

import ctypes
from typing import Any, ClassVar, Final

Callback: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
"""Gets a ``pjsip_rx_data``; other than 0 keeps the message from the modules behind."""
BEHIND_TRANSACTIONS: Final = 24
"""pjsip's transaction layer is at 16, its dialogs at 32."""


class Text(ctypes.Structure):
    """``pj_str_t``."""

    _fields_: ClassVar = [("pointer", ctypes.c_char_p), ("length", ctypes.c_ssize_t)]

    @classmethod
    def of(cls, text: str) -> "Text":
        """The string, which lives as long as this object."""
        raw = text.encode()
        return cls(raw, len(raw))


class Links(ctypes.Structure):
    """``pj_list``."""

    _fields_: ClassVar = [("before", ctypes.c_void_p), ("after", ctypes.c_void_p)]


class Module(ctypes.Structure):
    """``pjsip_module``. pjsip keeps pointers into it until it is destroyed: it must live as long."""

    _fields_: ClassVar = [
        ("links", Links),
        ("name", Text),
        ("id", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("load_start_stop_unload", ctypes.c_void_p * 4),
        ("on_rx_request", Callback),
        ("on_rx_response", Callback),
        ("on_tx_request", ctypes.c_void_p),
        ("on_tx_response", ctypes.c_void_p),
        ("on_tsx_state", ctypes.c_void_p),
    ]

    @classmethod
    def of(cls, name: str, priority: int, on_request: Any, on_response: Any = None) -> "Module":
        """A module that is called with requests and, where ``on_response`` is given, responses."""
        module = cls(name=Text.of(name), id=-1, priority=priority, on_rx_request=on_request)
        if on_response is not None:
            module.on_rx_response = on_response
        return module

    def register(self, library: ctypes.CDLL) -> bool:
        """Take its place among the modules; whether that went well.

        Raises:
            AttributeError: the library hides the functions for it.
        """
        register = library.pjsip_endpt_register_module
        register.argtypes = [ctypes.c_void_p] * 2
        return bool(register(endpoint(library), ctypes.byref(self)) == 0)


def endpoint(library: ctypes.CDLL) -> int:
    """Address of the ``pjsip_endpoint``.

    Raises:
        AttributeError: the library hides the function for it.
    """
    library.pjsua_get_pjsip_endpt.restype = ctypes.c_void_p
    return int(library.pjsua_get_pjsip_endpt())
