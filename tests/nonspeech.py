"""What a telephone line carries that is not speech, made by numpy: tones, modems, noise, clicks, music, silence.

    >>> kinds(8000, seconds=4)["ringback-es"].dtype
    dtype('int16')

Every generator is seeded: the same call gives the same samples. Frequencies and cadences: ITU-T E.180 supplement 2
(tones by country), Q.23 (DTMF), E.180 §8 (special information tone), T.30 §4 (CNG, CED), V.21, V.22 (modems).
"""

from __future__ import annotations

import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.g711 import from_ulaw, to_ulaw

Pcm = NDArray[np.int16]
Signal = NDArray[np.float64]
"""Samples in -1..1; a power of 1 is a square wave of full scale, so 0 dBFS is an RMS of 1."""

MOH_PACKAGE: Final = "asterisk-moh-opsound-wav"
_MOH_FOLDER: Final = Path("/usr/share/asterisk/moh")
_DTMF: Final = {
    key: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for high, key in zip((1209, 1336, 1477, 1633), row, strict=True)
}


def hold_music() -> dict[str, Pcm]:
    """The packaged hold music by title, int16 at 8000 Hz, 18 minutes in all; empty when it is not installed."""
    tracks: dict[str, Pcm] = {}
    for path in sorted(_MOH_FOLDER.glob("*.wav")):
        with wave.open(str(path)) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2):
                tracks[path.stem] = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
    return tracks


def kinds(rate: int, seconds: float = 12.0) -> dict[str, Pcm]:
    """Every generated kind by name, int16 [seconds * rate] each, through G.711 µ-law."""
    made = {name: make(rate, round(seconds * rate)) for name, make in _GENERATORS.items()}
    return {name: through_ulaw(to_pcm(signal)) for name, signal in made.items()}


def to_pcm(signal: Signal) -> Pcm:
    return np.clip(np.round(signal * 32767), -32768, 32767).astype(np.int16)


def through_ulaw(pcm: Pcm) -> Pcm:
    return from_ulaw(to_ulaw(pcm)).astype(np.int16)


# --- building blocks -------------------------------------------------------------------------------------------------


def _time(rate: int, n: int) -> Signal:
    return np.arange(n) / rate


def _scaled(signal: Signal, dbfs: float) -> Signal:
    """The signal with an RMS of `dbfs` while it sounds (silent stretches do not count)."""
    sounding = signal[np.abs(signal) > 1e-9]
    rms = float(np.sqrt(np.mean(sounding**2))) if sounding.size else 1.0
    return np.asarray(signal * (10 ** (dbfs / 20) / rms))


def _tones(rate: int, n: int, *frequencies: float) -> Signal:
    t = _time(rate, n)
    return np.asarray(sum((np.sin(2 * np.pi * f * t) for f in frequencies), np.zeros(n)))


def _cadence(rate: int, n: int, *on_off: float) -> Signal:
    """1 and 0 for the seconds given in turn, over and over, with 2 ms ramps."""
    edges = np.cumsum([0.0, *on_off])
    place = np.searchsorted(edges, _time(rate, n) % edges[-1], side="right") - 1
    gate = (place % 2 == 0).astype(np.float64)
    ramp = max(1, round(0.002 * rate))
    return np.convolve(gate, np.ones(ramp) / ramp, "same")


def _pulsed(dbfs: float, on_off: Sequence[float], *frequencies: float) -> Callable[[int, int], Signal]:
    def make(rate: int, n: int) -> Signal:
        return _scaled(_tones(rate, n, *frequencies), dbfs) * _cadence(rate, n, *on_off)

    return make


def _steady(dbfs: float, *frequencies: float) -> Callable[[int, int], Signal]:
    return lambda rate, n: _scaled(_tones(rate, n, *frequencies), dbfs)


def _sequence(rate: int, n: int, parts: Sequence[tuple[float, Sequence[float]]]) -> Signal:
    """Tones one after another, (seconds, frequencies) each, repeated to fill n samples."""
    once = np.concatenate([_tones(rate, round(s * rate), *f) * _fade(round(s * rate), rate) for s, f in parts])
    return np.resize(once, n)


def _fade(n: int, rate: int, seconds: float = 0.003) -> Signal:
    edge = np.minimum(np.arange(n), np.arange(n)[::-1]) / max(1.0, seconds * rate)
    return np.minimum(edge, 1.0)


def _coloured(exponent: float, dbfs: float, seed: int) -> Callable[[int, int], Signal]:
    """Noise whose power falls with frequency to the power of `exponent`: 0 white, 1 pink, 2 brown."""

    def make(rate: int, n: int) -> Signal:
        spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=n))
        f = np.fft.rfftfreq(n, 1 / rate)
        spectrum[f < 50] = 0  # a line passes nothing below
        spectrum *= np.maximum(f, 50) ** (-exponent / 2)
        return _scaled(np.fft.irfft(spectrum, n), dbfs)

    return make


def _band(signal: Signal, rate: int, low: float, high: float) -> Signal:
    spectrum = np.fft.rfft(signal)
    f = np.fft.rfftfreq(signal.size, 1 / rate)
    spectrum[(f < low) | (f > high)] = 0
    return np.fft.irfft(spectrum, signal.size)


# --- telephone signals -----------------------------------------------------------------------------------------------


def _dtmf(rate: int, n: int) -> Signal:
    keys = np.random.default_rng(7).choice(list(_DTMF), 40)
    parts: list[tuple[float, Sequence[float]]] = []
    for k, key in enumerate(keys):
        parts += [(0.08 if k % 3 else 0.25, _DTMF[str(key)]), (0.08 if k % 5 else 0.7, ())]
    return _scaled(_sequence(rate, n, parts), -12)


def _fsk(rate: int, n: int, baud: float, mark: float, space: float, seed: int) -> Signal:
    bits = np.random.default_rng(seed).integers(0, 2, int(n / rate * baud) + 2)
    frequency = np.where(bits[(_time(rate, n) * baud).astype(int)] == 1, mark, space)
    return np.sin(2 * np.pi * np.cumsum(frequency) / rate)


def _psk(rate: int, n: int, baud: float, carrier: float, points: int, seed: int) -> Signal:
    """A scrambled modem signal: `points` random phases (above 4: as many random points of a square) per symbol."""
    random = np.random.default_rng(seed)
    count = int(n / rate * baud) + 2
    if points <= 4:
        symbols = np.exp(2j * np.pi * random.integers(0, points, count) / points)
    else:
        side = round(points**0.5)
        symbols = random.integers(0, side, count) + 1j * random.integers(0, side, count) - (side - 1) * (0.5 + 0.5j)
    t = _time(rate, n)
    wave_ = np.real(symbols[(t * baud).astype(int)] * np.exp(2j * np.pi * carrier * t))
    return _band(wave_, rate, carrier - 0.7 * baud, carrier + 0.7 * baud)


def _fax_answer(rate: int, n: int) -> Signal:
    """CED for 2.6 s, then V.21 preamble flags with pauses, as an answering fax sends until the caller trains."""
    flags = np.tile([0, 1, 1, 1, 1, 1, 1, 0], 400)
    t = _time(rate, n)
    frequency = np.where(flags[(t * 300).astype(int) % flags.size] == 1, 1650.0, 1850.0)
    message = np.sin(2 * np.pi * np.cumsum(frequency) / rate) * _cadence(rate, n, 1.6, 3.0)
    first = min(n, round(2.6 * rate))
    return _scaled(np.concatenate([_tones(rate, first, 2100), message[: n - first]]), -13)


def _fax_page(rate: int, n: int) -> Signal:
    """V.29-like training and page data."""
    return _scaled(_psk(rate, n, 2400, 1700, 16, 3), -15)


def _modem_v22(rate: int, n: int) -> Signal:
    """Both directions at once: 1200 and 2400 Hz carriers at 600 baud."""
    return _scaled(_psk(rate, n, 600, 1200, 4, 1) + 0.5 * _psk(rate, n, 600, 2400, 4, 2), -16)


def _modem_v34(rate: int, n: int) -> Signal:
    return _scaled(_psk(rate, n, 3200, 1829, 64, 5), -15)


def _modem_v21(rate: int, n: int) -> Signal:
    return _scaled(_fsk(rate, n, 300, 980, 1180, 11) + 0.4 * _fsk(rate, n, 300, 1650, 1850, 12), -16)


def _text_phone(rate: int, n: int) -> Signal:
    """Baudot (TTY) at 45.45 baud, characters in bursts."""
    return _scaled(_fsk(rate, n, 45.45, 1400, 1800, 13) * _cadence(rate, n, 1.1, 0.6), -16)


# --- noise -----------------------------------------------------------------------------------------------------------


def _hum(mains: float) -> Callable[[int, int], Signal]:
    def make(rate: int, n: int) -> Signal:
        t = _time(rate, n)
        buzz = sum((np.sin(2 * np.pi * mains * k * t + k) / k for k in range(1, 12)), np.zeros(n))
        return _scaled(buzz, -28) + _coloured(0, -55, 21)(rate, n)

    return make


def _crackle(rate: int, n: int) -> Signal:
    random = np.random.default_rng(31)
    signal = np.zeros(n)
    where = random.integers(0, n, int(n / rate * 25))
    signal[where] = random.normal(0, 0.35, where.size)
    return np.convolve(signal, np.exp(-np.arange(12) / 3), "same") + _coloured(1, -50, 32)(rate, n)


def _thuds(rate: int, n: int) -> Signal:
    """A handset put down and handled: low bumps."""
    random = np.random.default_rng(33)
    signal = np.zeros(n)
    for at in np.cumsum(random.uniform(0.25, 1.5, int(n / rate * 2))):
        start, size = round(at * rate), round(0.12 * rate)
        if start + size < n:
            t = _time(rate, size)
            bump = np.sin(2 * np.pi * random.uniform(70, 260) * t) + 0.3 * random.normal(size=size)
            signal[start : start + size] += random.uniform(0.1, 0.5) * bump * np.exp(-t / 0.025)
    return signal


def _keyboard(rate: int, n: int) -> Signal:
    random = np.random.default_rng(35)
    signal = np.zeros(n)
    size = round(0.03 * rate)
    shape = np.exp(-np.arange(size) / (0.006 * rate))
    for at in np.cumsum(random.gamma(4, 0.045, int(n / rate * 7))):
        for part in (0.0, 0.07):  # down, up
            start = round((at + part) * rate)
            if start + size < n:
                signal[start : start + size] += random.uniform(0.02, 0.12) * random.normal(size=size) * shape
    return _band(signal, rate, 300, 3900) + _coloured(1, -55, 36)(rate, n)


def _breath(rate: int, n: int) -> Signal:
    """Bursts of shaped noise, one to two seconds, as into a headset's microphone."""
    random = np.random.default_rng(37)
    noise = _band(random.normal(size=n), rate, 250, 2600)
    envelope = np.zeros(n)
    at = 0.3
    while at * rate < n:
        start, size = round(at * rate), round(random.uniform(0.5, 1.6) * rate)
        shape = np.sin(np.pi * np.arange(size) / size) ** 2 * random.uniform(0.3, 1.0)
        envelope[start : start + size] = shape[: max(0, n - start)]
        at += size / rate + random.uniform(0.3, 1.5)
    return _scaled(noise * envelope, -27)


def _wind(rate: int, n: int) -> Signal:
    slow = np.abs(_band(np.random.default_rng(39).normal(size=n), rate, 0, 1.5))
    return _scaled(_coloured(2, -20, 40)(rate, n) * slow / (slow.max() + 1e-9), -24)


def _comfort(rate: int, n: int) -> Signal:
    """RFC 3389 comfort noise: a level and spectrum that change every 200 ms, -65 to -50 dBFS."""
    random = np.random.default_rng(41)
    steps = np.repeat(10 ** (random.uniform(-65, -50, n * 5 // rate + 1) / 20), rate // 5)[:n]
    return np.asarray(_scaled(_coloured(0.7, -20, 42)(rate, n), 0) * steps)


def _packet_loss(rate: int, n: int) -> Signal:
    """Line noise with 5 % of its 20 ms frames missing: clicks at the edges."""
    noise = _coloured(1, -32, 43)(rate, n)
    lost = np.random.default_rng(44).random(n * 50 // rate + 1) < 0.05
    return np.where(np.repeat(lost, rate // 50)[:n], 0.0, noise)


# --- music -----------------------------------------------------------------------------------------------------------


def _note(rate: int, seconds: float, pitch: float, *, decay: float, harmonics: int = 6, vibrato: float = 0.0) -> Signal:
    """A note at MIDI `pitch`; `decay` in seconds (a long one sustains), `vibrato` in semitones at 5.5 Hz."""
    t = _time(rate, round(seconds * rate))
    frequency = 440 * 2 ** ((pitch - 69 + vibrato * np.sin(2 * np.pi * 5.5 * t)) / 12)
    phase = 2 * np.pi * np.cumsum(frequency) / rate
    rich = sum((np.sin(k * phase) / k**1.3 for k in range(1, harmonics + 1) if k * 440 < 3400), np.zeros(t.size))
    return np.asarray(rich * np.exp(-t / decay) * _fade(t.size, rate, 0.008))


def _score(rate: int, n: int, notes: Sequence[tuple[float, Signal]]) -> Signal:
    signal = np.zeros(n)
    for at, note in notes:
        start = round(at * rate)
        part = note[: max(0, n - start)]
        signal[start : start + part.size] += part
    return signal


_PROGRESSION: Final = ((60, 64, 67), (57, 60, 64), (53, 57, 60), (55, 59, 62))


def _chords(rate: int, n: int) -> Signal:
    notes = [
        (1.6 * bar, _note(rate, 1.6, pitch, decay=1.2))
        for bar in range(int(n / rate / 1.6) + 1)
        for pitch in _PROGRESSION[bar % 4]
    ]
    return _scaled(_score(rate, n, notes), -20)


def _arpeggio(rate: int, n: int) -> Signal:
    notes = []
    for k in range(int(n / rate / 0.2) + 1):
        chord = _PROGRESSION[k // 8 % 4]
        notes.append((0.2 * k, _note(rate, 0.4, (*chord, chord[1] + 12)[k % 4] + 12, decay=0.15)))
    return _scaled(_score(rate, n, notes), -20)


def _melody(rate: int, n: int, *, low: float = 50, seed: int = 51) -> Signal:
    """A line with vibrato in the range of a voice (MIDI 50 to 67: 147 to 392 Hz)."""
    random = np.random.default_rng(seed)
    notes, at = [], 0.0
    while at * rate < n:
        length = float(random.choice([0.25, 0.5, 0.5, 1.0]))
        pitch = low + float(random.choice([0, 2, 4, 5, 7, 9, 12, 14, 16]))
        notes.append((at, _note(rate, length, pitch, decay=2.0, harmonics=10, vibrato=0.35)))
        at += length + float(random.choice([0.0, 0.0, 0.25]))
    return _scaled(_score(rate, n, notes), -19)


def _drums(rate: int, n: int) -> Signal:
    random = np.random.default_rng(53)
    t = _time(rate, round(0.25 * rate))
    kick = np.sin(2 * np.pi * (50 * t + 8 * (1 - np.exp(-t / 0.02)))) * np.exp(-t / 0.09)
    snare = (0.6 * random.normal(size=t.size) + 0.5 * np.sin(2 * np.pi * 190 * t)) * np.exp(-t / 0.06)
    hat = np.diff(random.normal(size=t.size + 1)) * np.exp(-t / 0.02)
    notes = []
    for k in range(int(n / rate / 0.25) + 1):
        notes += [(0.25 * k, 0.25 * hat)]
        notes += [(0.25 * k, kick)] if k % 8 in (0, 3, 4) else [(0.25 * k, snare)] if k % 4 == 2 else []
    return _scaled(_score(rate, n, notes), -20)


def _band_music(rate: int, n: int) -> Signal:
    """Drums, chords, bass and a tune together: what hold music is."""
    bass = [
        (0.4 * k, _note(rate, 0.4, _PROGRESSION[k // 4 % 4][0] - 24, decay=0.3)) for k in range(int(n / rate / 0.4) + 1)
    ]
    together = 0.8 * _chords(rate, n) + 0.6 * _drums(rate, n) + _melody(rate, n, low=57, seed=55)
    return _scaled(together + _scaled(_score(rate, n, bass), -22), -18)


def _sweep(rate: int, n: int) -> Signal:
    t = _time(rate, n) % 4.0
    return _scaled(np.sin(2 * np.pi * 200 * 4 / np.log(17) * (17 ** (t / 4) - 1)), -16)


def _siren(rate: int, n: int) -> Signal:
    frequency = 900 + 400 * np.sin(2 * np.pi * 0.6 * _time(rate, n))
    return _scaled(np.sin(2 * np.pi * np.cumsum(frequency) / rate), -20)


_GENERATORS: Final[dict[str, Callable[[int, int], Signal]]] = {
    "ringback-es": _pulsed(-14, (1.5, 3.0), 425),
    "ringback-us": _pulsed(-16, (2.0, 4.0), 440, 480),
    "ringback-uk": _pulsed(-16, (0.4, 0.2, 0.4, 2.0), 400, 450),
    "busy-es": _pulsed(-14, (0.2, 0.2), 425),
    "busy-us": _pulsed(-16, (0.5, 0.5), 480, 620),
    "congestion": _pulsed(-15, (0.2, 0.2, 0.2, 0.6), 425),
    "dial-es": _steady(-14, 425),
    "dial-us": _steady(-16, 350, 440),
    "call-waiting": _pulsed(-18, (0.3, 4.0), 440),
    "beep": _pulsed(-12, (0.5, 2.5), 1000),
    "sit": lambda rate, n: _scaled(
        _sequence(rate, n, [(0.33, (950,)), (0.33, (1400,)), (0.33, (1800,)), (1.0, ())]), -14
    ),
    "dtmf": _dtmf,
    "fax-cng": _pulsed(-13, (0.5, 3.0), 1100),
    "fax-answer": _fax_answer,
    "fax-page": _fax_page,
    "modem-v21": _modem_v21,
    "modem-v22": _modem_v22,
    "modem-v34": _modem_v34,
    "text-phone": _text_phone,
    "white-60": _coloured(0, -60, 61),
    "white-40": _coloured(0, -40, 62),
    "white-25": _coloured(0, -25, 63),
    "pink-45": _coloured(1, -45, 64),
    "pink-25": _coloured(1, -25, 65),
    "brown-40": _coloured(2, -40, 66),
    "brown-25": _coloured(2, -25, 67),
    "hum-50": _hum(50),
    "hum-60": _hum(60),
    "crackle": _crackle,
    "thuds": _thuds,
    "keyboard": _keyboard,
    "breath": _breath,
    "wind": _wind,
    "comfort-noise": _comfort,
    "packet-loss": _packet_loss,
    "chords": _chords,
    "arpeggio": _arpeggio,
    "melody": _melody,
    "drums": _drums,
    "band": _band_music,
    "sweep": _sweep,
    "siren": _siren,
    "silence": lambda rate, n: np.zeros(n),
    "dc-offset": lambda rate, n: np.full(n, 0.2),
    "lowest-bit": lambda rate, n: np.random.default_rng(71).choice([-8.0, 0.0, 8.0], n) / 32768,
}
