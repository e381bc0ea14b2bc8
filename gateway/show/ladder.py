"""A call's SIP messages as a ladder: one lane for each end, one line for each message. Pure.

::

                 10.0.0.5:5060              Apuntador             10.0.0.9:5060
      0.000        ├──────── INVITE 900 ────────▶│
      0.003        │                             ├──────── INVITE ana ────────▶│
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from assist.control import SipLine
from assist.events import Language, Party
from assist.strings import say

NARROWEST: Final = 64
_TIME: Final = 10
_WIDEST_LANE: Final = 46
_METHOD: Final = re.compile(r"^([A-Z]+) (\S+) SIP/2\.0")
_STATUS: Final = re.compile(r"^SIP/2\.0 (\d{3}) ?(.*)$")
_USER: Final = re.compile(r"sips?:([^@;>\s]+)@")


@dataclass(frozen=True, slots=True)
class _Lanes:
    """Column of each line of the ladder; ``left`` and ``right`` are the ends' parties."""

    left: Party
    right: Party | None
    columns: tuple[int, ...]


def ladder(
    messages: Sequence[SipLine], dialogs: Mapping[str, Party], width: int, language: Language, *, bodies: bool = False
) -> list[Text]:
    """Lines of at most ``width`` columns.

    Args:
        messages: in the order they came and went.
        dialogs: whose dialog each SIP Call-ID is.
        width: columns of the terminal; fewer than :data:`NARROWEST` are taken for that many.
        bodies: print each body below its message.
    """
    if not messages:
        return [Text(say(language, "pool.trace_empty"))]
    lanes = _lanes(dialogs, max(width, NARROWEST))
    lines = [_heads(messages, dialogs, lanes)]
    began = messages[0].at
    seen: dict[tuple[str, ...], int] = {}
    for message in messages:
        party = dialogs.get(message.sip_call_id, lanes.left)
        key = (message.sip_call_id, message.first, message.cseq, str(message.outgoing))
        seen[key] = seen.get(key, 0) + 1
        lines.append(_arrow(message, party, lanes, message.at - began, again=seen[key] > 1))
        if message.media:
            lines.append(_beneath(message, party, lanes))
        if bodies and message.body:
            lines += [Text(" " * (_TIME + 2) + line, style="dim") for line in message.body.split("\n")]
    return lines


def _lanes(dialogs: Mapping[str, Party], width: int) -> _Lanes:
    both = set(dialogs.values()) == {"customer", "agent"}
    lane = min(_WIDEST_LANE, (width - _TIME - 4) // (2 if both else 1))
    first = _TIME + 2
    if both:
        return _Lanes("customer", "agent", (first, first + lane, first + 2 * lane))
    only: Party = next(iter(dialogs.values()), "customer")
    return _Lanes(only, None, (first, first + lane))


def _heads(messages: Sequence[SipLine], dialogs: Mapping[str, Party], lanes: _Lanes) -> Text:
    peers: dict[Party, str] = {}
    for message in messages:
        peers.setdefault(dialogs.get(message.sip_call_id, lanes.left), f"{message.peer} {message.transport}")
    names = [peers.get(lanes.left, ""), "Apuntador", *([peers.get(lanes.right, "")] if lanes.right else [])]
    lane = lanes.columns[1] - lanes.columns[0]
    line = [" "] * (lanes.columns[-1] + lane // 2)
    end = 0
    for at, (name, column) in enumerate(zip(names, lanes.columns, strict=True)):
        name = name[: lane - 2]
        start = column - 2 if at == 0 else column - len(name) // 2
        if at == len(names) - 1:
            # It may not stand out to the right.
            name = name[: lanes.columns[-1] + 1 - end]
            start = min(start, lanes.columns[-1] + 1 - len(name))
        line[start : start + len(name)] = name
        end = start + len(name) + 1
    return Text("".join(line).rstrip(), style="bold")


def _arrow(message: SipLine, party: Party, lanes: _Lanes, after: float, *, again: bool) -> Text:
    label, style = _label(message, again=again)
    left = party == lanes.left
    a, b = (lanes.columns[0], lanes.columns[1]) if left else (lanes.columns[1], lanes.columns[2])
    rightward = message.outgoing != left
    inner = b - a - 1
    room = inner - 6
    label = f" {label if len(label) <= room else label[: room - 1] + '…'} "
    dashes = inner - len(label) - 1
    before = dashes // 2
    body = "─" * before + label + "─" * (dashes - before)
    arrow = f"├{body}▶" if rightward else f"◀{body}┤"
    # An arrow's end replaces the lane's own line on the side it comes from only.
    line = Text(f"{after:>{_TIME - 1}.3f}  ".ljust(a if left else lanes.columns[0]), style="")
    if not left:
        line.append("│".ljust(lanes.columns[1] - lanes.columns[0]), style="dim")
    line.append(arrow if rightward else "│" + arrow[:-1], style=style)
    line.append("│" if rightward else "┤", style=style)
    if left and lanes.right:
        line.append(" " * (lanes.columns[2] - lanes.columns[1] - 1) + "│", style="dim")
    return line


def _beneath(message: SipLine, party: Party, lanes: _Lanes) -> Text:
    left = party == lanes.left
    cells = []
    for at, column in enumerate(lanes.columns):
        following = lanes.columns[at + 1] if at + 1 < len(lanes.columns) else column + 1
        here = at == (0 if left else 1)
        room = following - column - 1
        cells.append("│" + (message.media[: room - 2].center(room) if here else " " * room))
    return Text(" " * lanes.columns[0] + "".join(cells).rstrip(), style="dim")


def _label(message: SipLine, *, again: bool) -> tuple[str, str]:
    more = " ↻" if again else ""
    status = _STATUS.match(message.first)
    if status is not None:
        code = int(status[1])
        style = "dim" if code < 200 else "green" if code < 300 else "yellow" if code in (401, 407, 487) else "red"
        method = message.cseq.rpartition(" ")[2]
        return f"{code} {status[2]} ({method}){more}" if method != "INVITE" else f"{code} {status[2]}{more}", style
    request = _METHOD.match(message.first)
    if request is None:
        return message.first + more, ""
    user = _USER.search(request[2])
    told = f" {user[1]}" if user is not None and request[1] in ("INVITE", "REGISTER") else ""
    return f"{request[1]}{told}{more}", "bold"
