"""The part of a passage that is put before an agent: whole sentences, as they stand."""

import re
from typing import Final

from assist.decide.text import normalise
from assist.knowledge.words import Words

LONGEST: Final = 400
"""Characters that an agent can read while somebody is talking."""
GAP: Final = "…"
_SENTENCE: Final = re.compile(r".+?(?:[.!?…]+(?=\s|$)|$)", re.DOTALL)


def excerpt(text: str, query: str, longest: int = LONGEST) -> str:
    """All of ``text`` if it is short enough; else the sentences around the one that shares most with ``query``, one
    after another as they stand, with "…" where others are left out. A single longer sentence is cut between words."""
    text = text.strip()
    if len(text) <= longest:
        return text
    found = [(match.start(), match.end()) for match in _SENTENCE.finditer(text) if match[0].strip()]
    scores = Words([text[a:b] for a, b in found]).scores(normalise(query))
    first = last = int(scores.argmax())
    room = longest - 2 * (len(GAP) + 1)
    while True:  # the next sentence rather than the one before: an answer goes on
        if last + 1 < len(found) and found[last + 1][1] - found[first][0] <= room:
            last += 1
        elif first and found[last][1] - found[first - 1][0] <= room:
            first -= 1
        else:
            break
    begin, end = found[first][0], found[last][1]
    part = text[begin:end].strip()
    cut = len(part) > room
    if cut:
        part = part[:room].rsplit(None, 1)[0]
    return f"{GAP + ' ' if begin else ''}{part}{' ' + GAP if cut or end < len(text.rstrip()) else ''}"
