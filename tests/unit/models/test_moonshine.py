"""The parts of the Moonshine engine that need no model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.asr.moonshine import Window, looks_back
from models.asr.types import Word
from models.cpu import has_dot_product


def row(frame: int, frames: int = 100) -> NDArray[np.float32]:
    """What a decoder looked at, all of it one frame."""
    values = np.zeros(frames, np.float32)
    values[frame] = 1.0
    return values


def words(text: str, start: float = 0.0) -> tuple[Word, ...]:
    """A word every half second."""
    return tuple(Word(w, start + k / 2, start + (k + 1) / 2, 0.9) for k, w in enumerate(text.split()))


def test_a_guess_at_what_comes_looks_back_when_the_audio_is_used_up() -> None:
    assert looks_back([row(40), row(95), row(30)])
    assert not looks_back([row(40), row(95), row(97)]), "it follows the speech"
    assert not looks_back([row(60), row(20)]), "a currency sign before its number, with more to come"
    assert not looks_back([row(3)])


def test_a_short_window_stays() -> None:
    window = Window()
    for end in (2.0, 3.0, 4.0):
        window.heard(words("uno dos tres. cuatro"), (1, 2), end)
    assert (window.start, window.before, window.draft) == (0.0, (), (1, 2))


def test_a_window_lets_go_of_a_sentence_that_was_heard_twice() -> None:
    window, text = Window(), words("uno dos tres. cuatro cinco")
    window.heard(text, (1,), 4.8)
    window.heard(text, (1,), 5.1)
    assert [w.text for w in window.before] == ["uno", "dos", "tres."]
    assert window.start == 1.5
    assert window.draft == ()


def test_without_a_sentence_it_waits_longer_and_then_cuts_between_words() -> None:
    window, text = Window(), words("a b c d e f g h i j k l m n o p q")
    for end in (7.0, 8.0):
        window.heard(text, (1,), end)
    assert window.before == ()
    window.heard(text, (1,), 9.2)
    assert window.start <= 9.2 - 2.5
    assert window.before == text[: len(window.before)]
    assert window.start == text[len(window.before)].t0


def test_words_that_changed_are_not_let_go() -> None:
    window = Window()
    window.heard(words("uno dos tres. cuatro"), (1,), 5.1)
    window.heard(words("uno doz tres. cuatro"), (1,), 5.4)
    assert [w.text for w in window.before] == []


def test_processors_are_told_apart() -> None:
    assert has_dot_product("processor\t: 0\nflags\t\t: fpu sse avx512f avx512_vnni\n")
    assert has_dot_product("flags : avx2 avx_vnni")
    assert has_dot_product("Features\t: fp asimd asimddp")
    assert not has_dot_product("flags : fpu avx2 avx512f")
    assert not has_dot_product("model name : avx512_vnni in name only")
    assert not has_dot_product("")
