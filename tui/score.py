"""The score of a finished call: total, pillars, each item with the lines it rests on, the key that disputes one."""

from collections.abc import Callable
from typing import ClassVar, Final

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assist import quality
from assist.events import CallScored, Language, ScoreItem
from assist.quality import Dispute
from assist.strings import say
from tui import words
from tui.dialogs import TextDialog
from tui.state import CallState, Line

_PILLARS_A_ROW: Final = 3
_CELL: Final = 2

OnDispute = Callable[[CallState, str, str], None]
"""Is given the call, the item's id and the reason."""


class ScoreScreen(ModalScreen[None]):
    """Stands in front of everything while the call it is about is the one on show, and goes away with it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "dispute", show=False),
        Binding("escape,s,q", "dismiss(None)", show=False),
    ]

    def __init__(self, language: Language, call: CallState, on_dispute: OnDispute) -> None:
        super().__init__()
        self._language = language
        self._call = call
        self._on_dispute = on_dispute
        self._drawn: object = None
        self._over = self._left = False

    def compose(self) -> ComposeResult:
        """Total and pillars above the items, what the marked item rests on below."""
        yield Static(id="score-head")
        yield Static(id="score-pillars")
        yield OptionList(id="score-items", markup=False)
        with VerticalScroll(id="score-detail", can_focus=False):
            yield Static(id="score-why")
        yield Static(Content(say(self._language, "quality.keys")), id="score-keys")

    def on_mount(self) -> None:
        """Draw the call as it is known."""
        self._show()
        self.query_one(OptionList).focus()

    def follow(self, call: CallState | None, calls: Callable[[str], CallState | None]) -> None:
        """Draw what is new. ``call`` is the one that has the screen now: when it is another, this goes away.

        ``calls`` finds a call by its id.
        """
        if call is not None and call.call_id != self._call.call_id:
            self._over = True
            self._leave()
            return
        self._call = calls(self._call.call_id) or self._call
        if self.is_mounted:
            self._show()

    def on_screen_resume(self) -> None:
        """A question that stood in front of it has gone."""
        if self._over:
            self.call_later(self._leave)  # not now: the question's answer is still on its way

    def _leave(self) -> None:
        if self.app.screen is self and not self._left:
            self._left = True
            self.dismiss(None)

    def action_dispute(self) -> None:
        """Ask why the marked item is disputed."""
        item = self._marked()
        if item is None:
            return
        objection = quality.objection(item, self._call.disputes.get(item.item_id))
        if objection:
            self._tell(objection)
            return
        item_id = item.item_id

        def send(answer: str | None) -> None:
            if answer is None:
                return
            if not answer:
                self._tell("needs_reason")
                return
            self._on_dispute(self._call, item_id, answer)

        title = say(self._language, "quality.dialog", label=item.label)
        self.app.push_screen(TextDialog(self._language, title), send)

    def _tell(self, key: str) -> None:
        self.app.notify(say(self._language, f"quality.{key}"), markup=False)

    # --- drawing ---------------------------------------------------------------------------------------------

    def _marked(self) -> ScoreItem | None:
        place = self.query_one(OptionList).highlighted
        score = self._call.score
        return score.items[place] if score is not None and place is not None and place < len(score.items) else None

    def _show(self) -> None:
        call = self._call
        drawn = (call.score, call.disputes)
        if call.score is None or drawn == self._drawn:
            return
        self._drawn = drawn
        self.query_one("#score-head", Static).update(self._head(call.score))
        self.query_one("#score-pillars", Static).update(self._pillars(call.score))
        items = self.query_one(OptionList)
        marked = items.highlighted or 0
        items.clear_options()
        items.add_options([Option(self._row(item, marked=False), id=item.item_id) for item in call.score.items])
        items.highlighted = min(marked, items.option_count - 1)
        self._detail()

    def _head(self, score: CallScored) -> Content:
        parts: list[tuple[str, str] | str] = [
            (quality.told_total(score.score, self._language), "bold"),
            f" · {score.card}",
        ]
        if score.failed:
            labels = ", ".join(item.label for item in score.items if item.item_id in score.failed)
            held = say(self._language, "quality.held", cap=f"{score.cap:g}")
            parts.append(
                ("\n" + say(self._language, "quality.failed", labels=labels) + f"; {held}", "bold $text-error")
            )
        return Content.assemble(*parts)

    def _pillars(self, score: CallScored) -> Table:
        grid = Table.grid(expand=True, padding=(0, _CELL, 0, 0))
        for _ in range(_PILLARS_A_ROW):
            grid.add_column(ratio=1, no_wrap=True)
        cells = []
        for pillar in quality.pillars(score.items):
            points = quality.told_points(pillar.points, pillar.of)
            cell = Table.grid(expand=True)
            cell.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
            cell.add_column(justify="right", no_wrap=True)
            cell.add_row(Text(pillar.label), Text(points, "bold" if pillar.points is not None else "dim"))
            cells.append(cell)
        for start in range(0, len(cells), _PILLARS_A_ROW):
            grid.add_row(*cells[start : start + _PILLARS_A_ROW])
        return grid

    @on(OptionList.OptionHighlighted)
    def _mark(self, event: OptionList.OptionHighlighted) -> None:
        # A sign besides the shade: sixteen colours, or none, show no shades.
        for item in self._call.score.items if self._call.score is not None else ():
            row = self._row(item, marked=item.item_id == event.option_id)
            event.option_list.replace_option_prompt(item.item_id, row)
        self._detail()

    @on(OptionList.OptionSelected)
    def _chosen(self) -> None:
        self.action_dispute()

    def _row(self, item: ScoreItem, *, marked: bool) -> Table:
        failed = self._call.score is not None and item.item_id in self._call.score.failed
        row = Table.grid(expand=True, padding=(0, 1, 0, 0))
        row.add_column(width=1)
        row.add_column(width=1)
        row.add_column(width=8, justify="right", no_wrap=True)
        row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        row.add_column(justify="right", no_wrap=True)
        remarks = [say(self._language, "quality.critical")] if item.critical else []
        dispute = self._call.disputes.get(item.item_id)
        if dispute is not None:
            remarks.append(say(self._language, f"quality.mark_{dispute.state}"))
        strong = "bold" if failed else ""
        row.add_row(
            "▸" if marked else "",
            Text(words.score_symbol(item), strong),
            Text(quality.told_points(item.points, item.of), strong),
            Text(item.label, strong),
            Text(" · ".join(remarks), strong or "dim"),
        )
        return row

    def _detail(self) -> None:
        item = self._marked()
        if item is None:
            return
        kind = f" · {say(self._language, 'quality.critical')}" if item.critical else ""
        points = say(self._language, "quality.no_occasion") if item.points is None else ""
        lines = [Content.assemble((item.label, "bold"), f"  ({item.group}{kind})", f" {points}" if points else "")]
        lines.append(Content(item.why))
        said = {line.utterance_id: line for line in self._call.lines}
        lines += [self._evidence(said[uid]) for uid in item.evidence if uid in said]
        if not item.evidence and item.points is not None:
            lines.append(Content(say(self._language, "quality.whole_call")).stylize("dim"))
        dispute = self._call.disputes.get(item.item_id)
        if dispute is not None:
            lines += self._dispute(dispute)
        self.query_one("#score-why", Static).update(Content("\n").join(lines))
        self.query_one("#score-detail", VerticalScroll).scroll_home(animate=False)

    def _evidence(self, line: Line) -> Content:
        began = self._call.answered_at if self._call.answered_at is not None else self._call.started_at
        when = words.clock(max(0.0, line.t0 - began))
        who = say(self._language, f"common.{line.party}")
        return Content.assemble((f"↳ {when} {who}: ", "bold"), line.text)

    def _dispute(self, dispute: Dispute) -> list[Content]:
        told = [say(self._language, "quality.dispute_open", person=dispute.agent_id, text=dispute.reason)]
        if dispute.state != "open":
            key = f"quality.dispute_{dispute.state}"
            told.append(say(self._language, key, person=dispute.lead_id, text=dispute.answer))
        return [Content.assemble((f"» {one}", "$text-warning")) for one in told]
