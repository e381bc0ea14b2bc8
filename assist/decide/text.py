"""Text as the deciders compare it: lower case, no accents, no punctuation, whole words."""

import re
import unicodedata
from typing import Final

from assist.events import Heard
from assist.text.polish import restored

_TOKEN: Final = re.compile(r"[a-z0-9]+")
_APOSTROPHES: Final = str.maketrans("", "", "'’`´")
_TAIL_WORD: Final = re.compile(r"\w+$")
# Not inside "5:00 p. m."; behind it only where a capital follows.
_SENTENCE_END: Final = re.compile(
    r"(?<=[.!?…])(?!(?<=\b[ap]\.)\s+m\.)(?:(?<!\b[ap]\. m\.)(?<!\b[ap]\.m\.)|(?=\s+[^\W\d_a-zñáéíóú]|\s+[¿¡]))\s+"
)


def normalise(text: str) -> str:
    """Lower-case words without accents, apostrophes or punctuation, one space between them.

    >>> normalise("¿Qué pasó? I didn't…")
    'que paso i didnt'
    """
    bare = unicodedata.normalize("NFD", text.lower().translate(_APOSTROPHES))
    plain = "".join(ch for ch in bare if not unicodedata.combining(ch))
    return " ".join(_TOKEN.findall(plain))


def sentences(text: str) -> list[str]:
    """The sentences of a line; a line without punctuation is one sentence."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()]


def as_said(heard: Heard) -> str:
    """The words as they were said, only names put right: what phrases are written in and partials consist of."""
    return restored(heard.text, heard.changes, names=False) if heard.changes else heard.text


def settled_text(heard: Heard) -> str:
    """What of an utterance can be relied on: all of a final, the whole words of a partial's stable prefix."""
    if heard.final:
        return as_said(heard)
    prefix = heard.text[: heard.stable_chars]
    if heard.stable_chars < len(heard.text) and heard.text[heard.stable_chars].isalnum():
        # The prefix may end inside a word: "me cobra|ron" must not match "me cobra".
        prefix = _TAIL_WORD.sub("", prefix)
    return prefix


def words_in(text: str) -> int:
    """Number of words."""
    return len(normalise(text).split())


def words_before(text: str, end: int, count: int) -> tuple[str, bool]:
    """The last words before ``end`` as `normalise` writes them, at least ``count`` if there are so many, and whether
    they are all there are. Takes as long as those words are, however long the text is."""
    reach = count * 8
    while True:
        start = max(0, text.rfind(" ", 0, max(0, end - reach)))
        words = normalise(text[start:end])
        if not start or words.count(" ") >= count:
            return words, not start
        reach *= 2
