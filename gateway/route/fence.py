"""The fence against toll fraud: which numbers may be called through a trunk. Pure.

Closed by default. A number has to be understood, allowed, not blocked, and must not be a costly one unless the trunk
says so; what is dialled is made from what was understood. How many calls there may be at once is counted in ``lease``.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from assist import dial
from assist.config import Trunk
from gateway.route import numbers

Why: TypeAlias = Literal["allowed", "whole", "unreadable", "not_allowed", "blocked", "costly"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``number`` is what to dial, empty where nothing may be; ``read`` what was understood; ``rule`` the allowance."""

    why: Why
    number: str = ""
    read: str = ""
    rule: str = ""

    @property
    def passes(self) -> bool:
        """Whether the number may be called."""
        return bool(self.number)


def judge(trunk: Trunk, number: str) -> Verdict:
    """Whether ``number``, rewritten as its route says, may be called through ``trunk``."""
    limits = trunk.outbound
    whole = _first(limits.allow, number, plus=False)
    if whole:
        blocked = _first(limits.block, number, plus=False)
        return Verdict("blocked", "", number, blocked) if blocked else Verdict("whole", number, number, whole)
    found = numbers.read(number, trunk.country)
    if found is None:
        return Verdict("unreadable", "", number)
    allowed = _first(limits.allow, found.e164, plus=True)
    if not allowed:
        return Verdict("not_allowed", "", found.e164)
    blocked = _first(limits.block, found.e164, plus=True) or _first(limits.block, number, plus=False)
    if blocked:
        return Verdict("blocked", "", found.e164, blocked)
    if found.costly and not limits.premium:
        return Verdict("costly", "", found.e164, found.costly)
    return Verdict("allowed", numbers.written(found, limits.send, trunk.country), found.e164, allowed)


def _first(allowances: tuple[str, ...], number: str, *, plus: bool) -> str:
    return next((one for one in allowances if one.startswith("+") is plus and dial.covers(one, number)), "")
