"""The live transcript: both parties, what is settled and what still may change."""

from collections.abc import Iterable
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from assist.events import Heard, Language, Party
from assist.strings import say
from tui import words
from tui.state import CallState, Line

_MAX_LINES = 1000
_GUTTER = {"customer": "▌", "agent": "│"}


class Transcript(ScrollView, can_focus=True):
    """Draws utterances line by line, and wraps only those that are new or changed.

    It follows the talk until the reader scrolls up, and again from the moment the reader is back at the end.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "transcript--customer",
        "transcript--agent",
        "transcript--text",
        "transcript--open",
        "transcript--tail",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", show=False),
        Binding("down", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_home", show=False),
    ]

    def __init__(self, language: Language, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._language = language
        self._lines: tuple[Line, ...] = ()
        self._open: tuple[Heard, ...] = ()
        self._call_id = ""
        self._final_strips: dict[Line, list[Strip]] = {}
        self._strips: list[Strip] = []
        self._wrapped_for = 0
        self._following = True
        self._names: dict[Party, str] = {
            "customer": say(language, "common.customer"),
            "agent": say(language, "common.agent"),
        }
        self._label = max(map(len, self._names.values())) + 1

    def show(self, call: CallState) -> None:
        """Draw ``call``; does nothing when nothing was said since."""
        talk = tuple(sorted(call.open.values(), key=lambda heard: heard.t0))
        if call.call_id == self._call_id and call.lines is self._lines and talk == self._open:
            return
        follow = self.following or call.call_id != self._call_id
        self._call_id = call.call_id
        self._lines = call.lines
        self._open = talk
        self._wrap(follow)

    @property
    def following(self) -> bool:
        """Whether new words scroll into view."""
        return self._following

    def follow(self) -> None:
        """Go to the end and stay there."""
        self._following = True
        # Forced: the scrollbar of a talk that has just outgrown the window is not there yet.
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling decides whether to follow; growing does not."""
        super().watch_scroll_y(old_value, new_value)
        self._following = round(new_value) >= self.max_scroll_y

    def on_resize(self) -> None:
        """Wrap for the new width."""
        if self._wrapped_for != self.scrollable_content_region.width:
            self._wrap(self.following)
        elif self.following:
            self.follow()

    def notify_style_update(self) -> None:
        """The theme changed: strips carry colours."""
        super().notify_style_update()
        self._final_strips.clear()
        if self.is_attached and self.size.width:
            self._wrap(self.following)

    def render_line(self, y: int) -> Strip:
        """One row of the window."""
        width, height = self.scrollable_content_region.size
        # A short talk stands at the bottom: the newest words are always in the same place, right above the card.
        row = y + self.scroll_offset.y - max(0, height - len(self._strips))
        if not 0 <= row < len(self._strips):
            return Strip.blank(width, self.rich_style)
        return self._strips[row].apply_style(self.rich_style)

    def _wrap(self, follow: bool) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        if width != self._wrapped_for:
            self._final_strips.clear()
            self._wrapped_for = width
        known = self._final_strips
        recent = self._lines[-_MAX_LINES:]
        self._final_strips = {line: known.get(line) or self._utterance(line, width) for line in recent}
        self._strips = [strip for strips in self._final_strips.values() for strip in strips]
        for heard in self._open:
            self._strips += self._partial(heard, width)
        if not self._strips:
            hint = Text(say(self._language, "tui.transcript_empty"), style="dim")
            rows = hint.wrap(self.app.console, max(8, width - 2))
            self._strips = [self._strip(Text(" ").append_text(row), width) for row in rows]
        self.virtual_size = Size(width, len(self._strips))
        if follow:
            self.follow()
        self.refresh()

    def _utterance(self, line: Line, width: int) -> list[Strip]:
        return self._rows(line.party, Text(line.text, self._style("text")), width)

    def _partial(self, heard: Heard, width: int) -> list[Strip]:
        settled, tail = words.partial(heard)
        text = Text(settled, self._style("open"))
        text.append(tail, self._style("tail"))
        text.append(" …", self._style("open"))
        return self._rows(heard.party, text, width)

    def _rows(self, party: Party, text: Text, width: int) -> list[Strip]:
        style = self._style(party)
        room = max(8, width - self._label - 3)
        rows: Iterable[Text] = text.wrap(self.app.console, room)
        strips = []
        for number, row in enumerate(rows):
            name = self._names[party] if number == 0 else ""
            line = Text.assemble((f" {name:<{self._label}}", style), (f"{_GUTTER[party]} ", style), row)
            strips.append(self._strip(line, width))
        return strips

    def _strip(self, text: Text, width: int) -> Strip:
        text.no_wrap = True
        text.end = ""
        return Strip(text.render(self.app.console)).adjust_cell_length(width)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"transcript--{name}", partial=True)
