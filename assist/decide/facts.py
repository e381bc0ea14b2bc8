"""Numbers, sums, dates and addresses that were told, put together from the pieces and corrections they came in.

A number read out over several lines ("cuatro cinco uno", "ajá", "cero dos") is one fact as long as the other party
only listens: says "yes" or repeats what was said. Read are the recognised words, so that it does not matter how a
final was written for people.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from assist.decide.kit import Decision, Kit, Meaning
from assist.decide.state import SessionState, Stimulus
from assist.decide.text import as_said, normalise
from assist.events import FactHeard, FactKind, Heard, Party
from assist.text.entities import Entity
from assist.text.numbers import Run, Token, tokens

MASK: Final = "••••"
"""Stands for a number that nobody may read here: a document, a date of birth, all of a card but its end."""
_WINDOW: Final = 12
_CONTEXT_LINES: Final = 3
_NAMED_WITHIN: Final = 600
"""Characters before a number within its line in which it is named."""
_REMEMBERED: Final = 512
_GAP_S: Final = 25.0
_LEAST: Final = 4
"""Digits a number of unknown meaning must have to be one."""
_LEAST_NAMED: Final = 3
_MOST: Final = 20
_NEAR: Final = 5
_ROUND: Final = 1000
_PHONE: Final = range(7, 14)
_CARD: Final = range(13, 20)
_SUM: Final = re.compile(r"[$€£]?\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{1,2})?|[$€£]?\d+[.,]\d{1,2}")
_INITIALS: Final = re.compile(r"(?<!\w)([A-Z]{2,3}|(?:(?<=\w\w )|(?<=\w\w, ))(?:[A-Z] ){0,2}[A-Z])[ -]?$")
"""Letters that belong to the reference behind them: "la FE 22109", "es A 1 0 0"; a lone "A" may begin a sentence."""


@dataclass(slots=True)
class _Chain:
    """A number being read out."""

    fact_id: str
    party: Party
    meaning: Meaning
    label: str
    at: float
    prefix: str = ""
    pieces: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)

    @property
    def digits(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class _Saying:
    """One line with what is in it. ``text`` is as said, ``words`` its tokens that are words or numerals."""

    heard: Heard
    text: str
    tokens: tuple[Token, ...]
    runs: tuple[Run, ...]
    entities: tuple[Entity, ...]


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """The facts that ``stimulus``, a final, adds to, corrects or takes back."""
    if not isinstance(stimulus, Heard) or not stimulus.final:
        return []
    uid = stimulus.utterance_id
    lines = _around(state.lines, uid)
    # A line without numbers adds nothing: most of them.
    worth = any(line.utterance_id == uid and any(kit.numbers(as_said(line))) for line in lines)
    made = {fact.fact_id: fact for fact in read(lines, kit) if uid in fact.evidence} if worth else {}
    told: list[FactHeard] = []
    for fact in made.values():
        same = next((old for old in state.facts.values() if old.fact_id != fact.fact_id and _same(old, fact)), None)
        known = state.facts.get(fact.fact_id)
        if same is not None:
            if known is not None and known.text:
                told.append(_gone(known))
            fact = replace(same, evidence=tuple(dict.fromkeys((*same.evidence, *fact.evidence))))
            known = same
        if known is not None and known.value == fact.value:
            # Said again long before or after: what is known stays.
            fact = replace(fact, evidence=tuple(dict.fromkeys((*known.evidence, *fact.evidence))))
        if known is None or _content(known) != _content(fact):
            told.append(fact)
    for known in state.facts.values():
        # The line was recognised anew and no longer says it.
        if known.text and known.fact_id.rpartition(".")[0] == uid and known.fact_id not in made:
            told.append(_gone(known))
    return [
        (replace(fact, call_id=state.call_id, at=stimulus.at), f"{uid}.{fact.fact_id}.{_mark(fact)}") for fact in told
    ]


def _around(lines: Sequence[Heard], uid: str) -> list[Heard]:
    """The lines near ``uid``, in the order in which they were begun."""
    place = next((n for n in range(len(lines) - 1, -1, -1) if lines[n].utterance_id == uid), None)
    if place is None:
        return []
    near = lines[max(0, place - _WINDOW) : place + _WINDOW // 2]
    return sorted(near, key=lambda line: (line.t0, line.t1))


def _content(fact: FactHeard) -> tuple[object, ...]:
    return fact.kind, fact.label, fact.value, fact.text, fact.spoken, fact.evidence


def _mark(fact: FactHeard) -> str:
    return f"{zlib.crc32(repr(_content(fact)).encode()):08x}"


def _same(old: FactHeard, new: FactHeard) -> bool:
    return (
        bool(old.text)
        and old.value == new.value
        and MASK not in old.value
        and (old.kind == new.kind or {old.kind, new.kind} <= {"order", "number", "phone", "code"})
    )


def _gone(fact: FactHeard) -> FactHeard:
    return replace(fact, value="", text="", spoken="")


# --- reading -------------------------------------------------------------------------------------------------


def read(lines: Sequence[Heard], kit: Kit) -> list[FactHeard]:
    """The facts in ``lines``, which are in the order in which they were begun."""
    facts: list[FactHeard] = []
    chains: dict[str, _Chain] = {}
    open_chain: dict[Party, _Chain] = {}
    said: list[_Saying] = []
    for line in lines:
        text = as_said(line)
        saying = _Saying(line, text, tokens(text), *kit.numbers(text))
        other: Party = "agent" if line.party == "customer" else "customer"
        listening = open_chain.get(other)
        if listening is not None:
            if _echoes(saying, listening):
                if saying.runs and "".join(run.digits for run in saying.runs) == listening.digits:
                    listening.evidence.append(line.utterance_id)
                said.append(saying)
                continue
            if not _only_listens(saying, kit):
                open_chain.pop(other)
        facts += _at_once(saying, said, kit)
        chain = open_chain.pop(line.party, None)
        if chain is not None and line.t0 - chain.at > _GAP_S:
            chain = None
        for grown, still_open in _strings(saying, said, chain, kit):
            chains[grown.fact_id] = grown
            if still_open:
                open_chain[line.party] = grown
            else:
                open_chain.pop(line.party, None)
        if chain is not None and line.party not in open_chain and _only_listens(saying, kit):
            open_chain[line.party] = chain
        said.append(saying)
    for chain in chains.values():
        fact = _fact_of(chain)
        if fact is not None:
            facts.append(fact)
    return _merged(facts)


def _merged(facts: list[FactHeard]) -> list[FactHeard]:
    """One fact for what was said twice, the one said first."""
    kept: list[FactHeard] = []
    for fact in facts:
        first = next((n for n, old in enumerate(kept) if _same(old, fact)), None)
        if first is None:
            kept.append(fact)
        else:
            evidence = tuple(dict.fromkeys((*kept[first].evidence, *fact.evidence)))
            kept[first] = replace(kept[first], evidence=evidence)
    return kept


def _at_once(saying: _Saying, said: Sequence[_Saying], kit: Kit) -> Iterator[FactHeard]:
    """What is whole in one line: sums, dates, addresses, codes."""
    kinds: dict[str, FactKind] = {"money": "money", "date": "date", "email": "email", "code": "code"}
    for number, entity in enumerate(saying.entities):
        kind = kinds.get(entity.kind)
        if kind is None or (kind == "email" and "@" not in entity.value):
            continue
        meaning, label = _meaning(saying, entity.start, said, kit)
        if meaning == "secret" and kind in ("date", "code"):
            continue  # a date of birth, a document
        spoken = saying.text[entity.start : entity.end]
        named = label if kind == "code" and meaning == "order" else ""
        fact_id = f"{saying.heard.utterance_id}.e{number}"
        yield _fact(saying.heard.party, fact_id, kind, named, entity.value, entity.text, spoken, (saying.heard,))


def _fact(
    party: Party,
    fact_id: str,
    kind: FactKind,
    label: str,
    value: str,
    text: str,
    spoken: str,
    lines: Sequence[Heard] | Sequence[str],
) -> FactHeard:
    evidence = tuple(dict.fromkeys(line.utterance_id if isinstance(line, Heard) else line for line in lines))
    return FactHeard(
        call_id="",
        at=0.0,
        fact_id=fact_id,
        party=party,
        kind=kind,
        label=label,
        value=value,
        text=text,
        spoken=spoken,
        evidence=evidence,
    )


def _strings(saying: _Saying, said: Sequence[_Saying], chain: _Chain | None, kit: Kit) -> Iterator[tuple[_Chain, bool]]:
    """The strings of digits of a line: chains that grow or begin, and whether the line ends with them."""
    whole = [entity for entity in saying.entities if entity.kind not in ("digits", "number")]
    end = 0
    for number, run in enumerate(saying.runs):
        if any(entity.start < run.end and run.start < entity.end for entity in whole):
            chain, end = None, run.end
            continue
        between = _words(saying.text[end : run.start])
        corrects = kit.corrects(between)
        follows = chain is not None and all(word in kit.fillers for word in between)
        if chain is None or not (follows or corrects):
            meaning, label = _meaning(saying, run.start, said, kit)
            digits = _entity_at(saying, run) is not None
            if not digits and not (meaning and len(run.digits) >= _LEAST_NAMED - 1):
                chain, end = None, run.end
                continue
            if _SUM.fullmatch(saying.text[run.start : run.end]):
                chain, end = None, run.end
                continue  # "12.999": thousands are told apart in sums, not in what is dialled
            if any(number.spelled and number.value and number.value % _ROUND == 0 for number in run.numbers):
                chain, end = None, run.end
                continue  # "41 mil", "fifteen thousand": a quantity
            fact_id = f"{saying.heard.utterance_id}.{number}"
            initials = _INITIALS.search(saying.text[: run.start]) if meaning == "order" else None
            prefix = initials[1].replace(" ", "") if initials else ""
            chain = _Chain(fact_id, saying.heard.party, meaning, label, saying.heard.t1, prefix)
            corrects = False
        _grow(chain, _pieces(saying, run), corrects=corrects)
        chain.spoken.append(saying.text[run.start : run.end])
        chain.evidence.append(saying.heard.utterance_id)
        chain.at = saying.heard.t1
        end = run.end
        at_end = number + 1 == len(saying.runs) and _only_fillers(saying.text[run.end :], kit)
        yield chain, at_end and len(chain.digits) < _MOST


def _entity_at(saying: _Saying, run: Run) -> Entity | None:
    return next((e for e in saying.entities if e.kind == "digits" and e.start <= run.start and run.end <= e.end), None)


def _pieces(saying: _Saying, run: Run) -> list[str]:
    entity = _entity_at(saying, run)
    if entity is not None and "".join(entity.pieces) == run.digits:
        return list(entity.pieces)
    return [run.digits]


def _grow(chain: _Chain, pieces: list[str], *, corrects: bool) -> None:
    digits, whole = "".join(pieces), chain.digits
    if corrects and chain.pieces:
        places = [n for n, piece in enumerate(chain.pieces) if len(piece) == len(digits)]
        if len(digits) == len(whole) or not places:
            chain.pieces = pieces
        else:
            # "no, perdón, cuatro cinco dos": the piece that differs least, of equals the last.
            best = min(places, key=lambda n: (_distance(chain.pieces[n], digits), -n))
            chain.pieces[best] = digits
    elif _telling(whole) and digits.startswith(whole):
        chain.pieces = pieces  # from the beginning once more
    elif _telling(digits) and chain.pieces[-1:] == [digits]:
        pass  # said again
    elif len(whole) + len(digits) <= _MOST:
        chain.pieces += pieces


def _telling(digits: str) -> bool:
    """Whether hearing these digits twice means that they were repeated: "555" is said twice in many numbers."""
    return len(digits) >= _LEAST_NAMED and len(set(digits)) > 1


def _distance(one: str, two: str) -> int:
    return sum(a != b for a, b in zip(one, two, strict=True))


def _words(text: str) -> list[str]:
    return [token.plain for token in tokens(text) if token.word or token.numeral]


def _only_fillers(text: str, kit: Kit) -> bool:
    words = _words(text)
    return len(words) <= 2 and all(word in kit.fillers for word in words)


def _before(saying: _Saying, start: int) -> str:
    """What comes before ``start``, as far back as a number's name may be: in a speech of minutes the rest is another
    matter, and reading it all again for every number would take time that grows with its square."""
    cut = max(0, start - _NAMED_WITHIN)
    return saying.text[saying.text.find(" ", cut, start) + 1 : start] if cut else saying.text[:start]


def _only_listens(saying: _Saying, kit: Kit) -> bool:
    words = [token.plain for token in saying.tokens if token.word or token.numeral]
    return len(words) <= 6 and all(word in kit.fillers for word in words)


def _echoes(saying: _Saying, chain: _Chain) -> bool:
    """Whether the other party repeats (part of) the number, and little else."""
    if not saying.runs:
        return False
    words = sum(token.word or token.numeral for token in saying.tokens)
    said = sum(run.words for run in saying.runs)
    digits = "".join(run.digits for run in saying.runs)
    return digits in chain.digits and words - said <= 3


def _meaning(saying: _Saying, start: int, said: Sequence[_Saying], kit: Kit) -> tuple[Meaning, str]:
    """What a number at ``start`` is, told by the words before it in its line, else by the lines before."""
    before = _before(saying, start)
    mentioned = _mentioned(normalise(before), kit)
    if mentioned is not None:
        return mentioned
    texts = [before]
    if len(_words(before)) <= 6 or not before.strip():
        texts += [earlier.text for earlier in reversed(said[-_CONTEXT_LINES:])]
    for text in texts:
        if text not in kit.meanings:
            if len(kit.meanings) >= _REMEMBERED:
                kit.meanings.pop(next(iter(kit.meanings)))
            kit.meanings[text] = _named(normalise(text), kit)
        meaning = kit.meanings[text]
        if meaning is not None:
            return meaning
    return "", ""


def _named(plain: str, kit: Kit) -> tuple[Meaning, str] | None:
    """The last thing ``plain`` names."""
    found: list[tuple[int, int, Meaning, str]] = []
    for phrase, shown in kit.data.references:
        found += [(m.end(), m.end() - m.start(), "order", shown) for m in phrase.pattern.finditer(plain)]
    for name, meaning in _CUES:
        found += [(m.end(), m.end() - m.start(), meaning, "") for m in kit.data.cues[name].pattern.finditer(plain)]
    if not found:
        return None
    _, _, meaning, label = max(found, key=lambda hit: hit[:2])
    return meaning, label


def _mentioned(before: str, kit: Kit) -> tuple[Meaning, str] | None:
    """A noun right before the number: "la orden es la 4 4 8 1 0"."""
    near = " ".join(before.split()[-_NEAR:])
    found = [(m.end(), shown) for phrase, shown in kit.data.mentions for m in phrase.pattern.finditer(near)]
    return ("order", max(found)[1]) if found else None


_CUES: Final[tuple[tuple[str, Meaning], ...]] = (("phone", "phone"), ("identity", "secret"), ("account", "secret"))


def _fact_of(chain: _Chain) -> FactHeard | None:
    digits = chain.digits
    text, value, spoken = " ".join(chain.pieces), digits, " … ".join(chain.spoken)
    kind: FactKind = "number"
    if len(digits) in _CARD and _luhn(digits):
        text, value, spoken = f"{MASK} {digits[-4:]}", f"{MASK}{digits[-4:]}", ""
    elif chain.meaning == "order" and len(digits) >= _LEAST_NAMED:
        kind = "order"
        if chain.prefix:
            kind, text, value = "code", f"{chain.prefix}{value}", f"{chain.prefix}{value}"
    elif chain.meaning == "phone" and len(digits) in _PHONE:
        kind = "phone"
    elif len(digits) >= _LEAST:
        text, value, spoken = MASK, MASK, ""
    else:
        return None
    return _fact(chain.party, chain.fact_id, kind, chain.label, value, text, spoken, chain.evidence)


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    total = 0
    for place, ch in enumerate(reversed(digits)):
        value = int(ch) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
