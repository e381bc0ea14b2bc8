"""The one list of what a person can do on the agent's screen: it feeds the key bindings, the footer and the help."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tui.state import CallState

Context: TypeAlias = Literal["always", "card", "call", "rules", "summary", "wrap_up", "closable", "live", "scored"]


@dataclass(frozen=True, slots=True)
class Action:
    """``name`` is the app's method ``action_<name>`` and its words ``tui.action_<name>`` and ``…_help``.

    ``shown`` is how its first key is written. ``when`` is the context the action makes sense in; ``footer`` puts it
    on the last line (the card's keys stand on the card).
    """

    name: str
    keys: tuple[str, ...]
    shown: str
    when: Context
    footer: bool = True


ACTIONS: Final = (
    Action("take", ("enter", "t"), "Enter", "card", footer=False),
    Action("dismiss", ("x", "escape"), "x", "card", footer=False),
    Action("not_useful", ("u",), "u", "card", footer=False),
    Action("accept", ("a",), "a", "summary"),
    Action("edit", ("e",), "e", "summary"),
    Action("tick", ("m",), "m", "rules"),
    Action("note", ("n",), "n", "call"),
    Action("hand_over", ("h",), "h", "live"),
    Action("pause", ("p",), "p", "live", footer=False),
    Action("transcript", ("v",), "v", "wrap_up"),
    Action("score", ("s",), "s", "scored", footer=False),
    Action("close", ("c",), "c", "closable"),
    Action("end", ("end",), "End", "call", footer=False),
    Action("help", ("question_mark", "f1"), "?", "always"),
    Action("quit", ("q", "ctrl+q", "ctrl+c"), "q", "always"),
)


def contexts(call: CallState | None, *, card: bool, scored: bool = False) -> frozenset[Context]:
    """What makes sense now; ``card`` says whether one is on the screen, ``scored`` whether there is a score to see."""
    found: set[Context] = {"always"}
    if scored:
        found.add("scored")
    if call is None:
        return frozenset(found)
    found.add("call")
    if card:
        found.add("card")
    if call.live and any(rule.open or rule.state == "missed" for rule in call.rules):
        found.add("rules")
    if call.phase in ("talking", "held"):
        found.add("live")
    if call.phase == "wrap_up":
        found.update(("wrap_up", "closable"))
        if call.summary is not None and not call.accepted:
            found.add("summary")
    return frozenset(found)
