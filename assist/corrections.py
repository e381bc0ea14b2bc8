"""How a correction names an item of the summary, for the screen that sends it and the session that carries it out.

``promise`` is the first item of its slot, ``promise.1`` the second (``promise.0`` is the first, too); docs/protocol.md,
``summary_edited``.
"""

from collections.abc import Sequence

from assist.events import SummaryItem


def target_of(items: Sequence[SummaryItem], index: int) -> str:
    """What the item at ``index`` is called."""
    slot = items[index].slot
    number = sum(item.slot == slot for item in items[:index])
    return f"{slot}.{number}" if number else slot


def place_of(items: Sequence[SummaryItem], target: str) -> int | None:
    """Where the item called ``target`` stands; None when there is none."""
    wanted = target.removesuffix(".0")
    return next((index for index in range(len(items)) if target_of(items, index) == wanted), None)
