"""After the call: the summary line by line, its disposition, and what became of the case."""

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assist import quality
from assist.corrections import place_of, target_of
from assist.events import CasePosted, Language
from assist.strings import say
from tui import words
from tui.state import CallState


class SummaryPane(Vertical):
    """Summary to the left, everything about the case to the right."""

    def __init__(self, language: Language, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._language = language
        self._drawn: object = None
        self._rows: dict[str, tuple[str, str]] = {}

    def compose(self) -> ComposeResult:
        """The status line above two columns."""
        yield Static(id="summary-status")
        with Horizontal(id="summary-columns"):
            yield OptionList(id="summary-items", markup=False)
            with VerticalScroll(id="summary-side", can_focus=False):
                yield Static(id="summary-case")

    @property
    def target(self) -> str:
        """What the marked line is called in an edit; empty when there is none."""
        items = self.query_one("#summary-items", OptionList)
        option = items.highlighted_option
        return (option.id or "") if option is not None else ""

    def show(self, call: CallState) -> None:
        """Draw what is known of the call's summary and case."""
        drawn = (
            call.call_id,
            call.summary,
            call.accepted,
            call.case_id,
            call.postings,
            call.tags,
            call.notes,
            call.score,
        )
        if drawn == self._drawn:
            return
        fresh = not isinstance(self._drawn, tuple) or self._drawn[:2] != drawn[:2]
        self._drawn = drawn
        self.query_one("#summary-status", Static).update(self._status(call))
        self.query_one("#summary-case", Static).update(self._case(call))
        if fresh:
            self._fill(call)

    def text_of(self, call: CallState, target: str) -> tuple[str, str]:
        """Label and present text of what ``target`` names."""
        assert call.summary is not None
        if target == "disposition":
            return say(self._language, "tui.summary_disposition"), call.summary.disposition
        at = place_of(call.summary.items, target)
        if at is None:
            return "", ""
        item = call.summary.items[at]
        return say(self._language, f"tui.slot_{item.slot}"), item.text

    def _status(self, call: CallState) -> Content:
        language = self._language
        if call.summary is None:
            return Content(say(language, "tui.summary_waiting")).stylize("dim")
        if call.accepted:
            return Content.assemble(("✓ " + say(language, "tui.summary_accepted"), "bold $text-success"))
        return Content.assemble((say(language, "tui.summary_draft", revision=call.summary.revision), "bold"))

    def _fill(self, call: CallState) -> None:
        items = self.query_one("#summary-items", OptionList)
        marked = items.highlighted or 0
        self._rows.clear()
        if call.summary is not None:
            # First, because the end of a long summary is out of sight on a small screen.
            label = say(self._language, "tui.summary_disposition")
            self._rows["disposition"] = (label, call.summary.disposition or "—")
            before = ""
            for index, item in enumerate(call.summary.items):
                label = say(self._language, f"tui.slot_{item.slot}") if item.slot != before else ""
                self._rows[target_of(call.summary.items, index)] = (label, item.text)
                before = item.slot
        items.clear_options()
        items.add_options([Option(self._row(target, marked=False), id=target) for target in self._rows])
        if self._rows:
            items.highlighted = min(marked, items.option_count - 1)

    @on(OptionList.OptionHighlighted)
    def _mark(self, event: OptionList.OptionHighlighted) -> None:
        # A sign besides the shade: sixteen colours, or none, show no shades.
        items = event.option_list
        for target in self._rows:
            items.replace_option_prompt(target, self._row(target, marked=target == event.option_id))

    def _row(self, target: str, *, marked: bool) -> Table:
        """The item under its label; a label that the item above has already is not said twice."""
        label, text = self._rows[target]
        row = Table.grid(expand=True)
        row.add_column(width=2)
        row.add_column(ratio=1)
        lines = [Text(label, "bold"), Text(text)] if label else [Text(text)]
        for number, line in enumerate(lines):
            row.add_row("▸" if marked and number == 0 else "", line)
        return row

    def _case(self, call: CallState) -> Content:
        language = self._language
        lines: list[Content] = []

        def section(title: str, *rows: Content | str) -> None:
            lines.append(Content(say(language, title)).stylize("bold"))
            lines.extend(Content.assemble("  ", row) for row in rows)

        if call.case_id:
            lines.append(Content("✓ " + say(language, "tui.summary_case", case_id=call.case_id)).stylize("bold"))
        else:
            lines.append(Content("○ " + say(language, "tui.summary_case_waiting")).stylize("dim"))
        for target in sorted(call.postings):
            lines.append(self._posting(call, target))
        if call.score is not None:
            lines.append(Content(quality.told_total(call.score.score, language)).stylize("bold"))
            lines.append(Content("  " + say(language, "quality.key_hint")).stylize("dim"))
        lines.append(Content(""))
        if call.summary is not None:
            change = say(
                language,
                "tui.summary_mood_change",
                start=words.mood(language, call.summary.mood_start),
                end=words.mood(language, call.summary.mood_end),
            )
            section("tui.summary_mood", change)
        tags = call.summary.tags if call.summary is not None else call.tags
        section("tui.summary_tags", *([tag.label for tag in tags] or [say(language, "tui.summary_no_tags")]))
        if call.notes:
            section("tui.summary_notes", *call.notes)
        if call.rules:
            lines.append(Content(words.progress(language, call.rules)).stylize("bold"))
            for rule in call.rules:
                symbol = words.rule_symbol(rule.state, forbidden=rule.forbidden)
                style = "" if rule.state == "met" else "bold"
                lines.append(Content.assemble(("  " + f"{symbol} {rule.label}", style)))
        return Content("\n").join(lines)

    def _posting(self, call: CallState, target: str) -> Content:
        posting = call.postings[target]
        if isinstance(posting, CasePosted):
            text = say(self._language, "tui.summary_posted", target=target, reference=posting.reference)
            return Content("✓ " + text)
        if posting.retry_at is not None:
            return Content("! " + say(self._language, "tui.summary_post_retry", target=target))
        return Content("✗ " + say(self._language, "tui.summary_post_failed", target=target, detail=posting.detail))
