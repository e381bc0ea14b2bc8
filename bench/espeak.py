"""Speech whose word times are known exactly: espeak-ng, through its library, with word and phoneme events.

The synthesiser says at which sample each word and each sound begins, so the truth owes nothing to a recogniser. A word
begins with its event, or with its first sound where a pause precedes it; it ends where the next word or a pause begins.
Pairs that espeak-ng says as one ("of the") have no border between them; their times there are None.

Debian: apt install espeak-ng. Source: espeak-ng/speak_lib.h, API of version 1.51.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bench.g711 import Pcm

_LIBRARY: Final = "libespeak-ng.so.1"
_SYNCHRONOUS: Final = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback, nothing is played
_PHONEME_EVENTS: Final = 1
_DONT_EXIT: Final = 0x8000
_UTF8: Final = 1
_POS_CHARACTER: Final = 1
_PARAMETER_RATE: Final = 1
_WORD, _PHONEME, _LIST_END = 1, 7, 0
_TOKEN: Final = re.compile(r"\w+(?:['’]\w+)*")


class EspeakError(Exception):
    """espeak-ng is not there or does not know a voice; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SoundEvent:
    """A word or a sound begins. position: of the word's first character in the text, from 1, with `length` characters;
    phoneme: the sound's name, "" of a word. A pause is a sound whose name begins with an underscore."""

    second: float
    position: int
    length: int
    phoneme: str = ""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of the text; seconds of its begin and end, None where espeak-ng does not tell."""

    text: str
    t0: float | None
    t1: float | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """int16 [n] at `rate` Hz, and every word of the text."""

    pcm: Pcm
    rate: int
    words: tuple[SpokenWord, ...]


def timed_words(text: str, events: Sequence[SoundEvent]) -> tuple[SpokenWord, ...]:
    """The words of a text with their times, from events in order of time."""
    begins = [k for k, event in enumerate(events) if not event.phoneme and event.length]
    times: dict[int, tuple[float, float | None]] = {}
    for k, after in zip(begins, [*begins[1:], len(events)], strict=True):
        sounds = [event for event in events[k + 1 : after] if event.phoneme]
        voiced = [event.second for event in sounds if not event.phoneme.startswith("_")]
        before = next((event for event in reversed(events[:k]) if event.phoneme), None)
        paused = before is None or before.phoneme.startswith("_")
        t0 = voiced[0] if paused and voiced else events[k].second
        pause = next((event.second for event in sounds if event.phoneme.startswith("_") and event.second > t0), None)
        times[events[k].position] = t0, pause if pause is not None else _second(events, after)
    tokens = [(match[0], match.start() + 1) for match in _TOKEN.finditer(text)]
    words = []
    for place, (token, position) in enumerate(tokens):
        begin, end = times.get(position, (None, None))
        if place + 1 < len(tokens) and tokens[place + 1][1] not in times:
            end = None  # said as one with the next
        words.append(SpokenWord(token, begin, end))
    return tuple(words)


def _second(events: Sequence[SoundEvent], place: int) -> float | None:
    return events[place].second if place < len(events) else None


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The loaded library: one per process, one thread at a time. Raises `EspeakError` when it is not installed."""

    def __init__(self) -> None:
        try:
            self._library: Any = ctypes.CDLL(_LIBRARY)
        except OSError as error:
            raise EspeakError(f"{_LIBRARY} cannot be loaded ({error}); run: apt install espeak-ng") from error
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _DONT_EXIT))
        if self.rate <= 0:
            raise EspeakError("espeak-ng finds no voice data; run: apt install espeak-ng-data")
        self._pieces: list[Pcm] = []
        self._events: list[SoundEvent] = []
        self._callback = _Callback(self._receive)  # the library keeps no reference
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str, words_per_minute: int) -> Spoken:
        """One text in a voice such as "es-419" or "en-us+f3". Raises `EspeakError` for a voice that is not there."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise EspeakError(f"espeak-ng has no voice {voice!r}; see espeak-ng --voices and --voices=variant")
        self._library.espeak_SetParameter(_PARAMETER_RATE, words_per_minute, 0)
        self._pieces, self._events = [], []
        raw = text.encode()
        if self._library.espeak_Synth(raw, len(raw) + 1, 0, _POS_CHARACTER, 0, _UTF8, None, None) != 0:
            raise EspeakError(f"espeak-ng cannot say a text of {len(text)} characters")
        pcm = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)
        return Spoken(pcm, self.rate, timed_words(text, self._events))

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if samples and count:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        place = 0
        while events[place].type != _LIST_END:
            event = events[place]
            place += 1
            if event.type in (_WORD, _PHONEME):
                sound = event.id.string.decode("ascii", "replace") if event.type == _PHONEME else ""
                if event.type == _WORD or sound:
                    second = event.sample / self.rate
                    self._events.append(SoundEvent(second, event.text_position, event.length, sound))
        return 0
