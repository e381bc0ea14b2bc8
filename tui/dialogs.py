"""Questions that stand in front of the screen: a line of text, a choice, yes or no, the help."""

from collections.abc import Sequence
from typing import Final

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from assist.events import HandOverDrafted, Language
from assist.strings import say
from tui.actions import Action


class _Question(ModalScreen[str | None]):
    """A box under a title; None when the person thought better of it."""

    def __init__(self, language: Language, title: str) -> None:
        super().__init__()
        self._language = language
        self._heading = title

    def compose(self) -> ComposeResult:
        """The box with what is asked in it."""
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self._heading).markup
            box.border_subtitle = say(self._language, "tui.dialog_keys")
            yield self._asked()

    def _asked(self) -> Widget:
        raise NotImplementedError

    def on_key(self, event: events.Key) -> None:
        """Escape gives up."""
        if event.key == "escape":
            event.stop()
            self.dismiss(None)


class TextDialog(_Question):
    """One line of text, maybe empty."""

    def __init__(self, language: Language, title: str, text: str = "") -> None:
        super().__init__(language, title)
        self._text = text

    def _asked(self) -> Widget:
        return Input(self._text, max_length=2000, select_on_focus=False)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())


class ChoiceDialog(_Question):
    """One of several; gives its id."""

    def __init__(self, language: Language, title: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(language, title)
        self._choices = choices

    def _asked(self) -> Widget:
        return OptionList(*(Option(Content(text), id=name) for name, text in self._choices), markup=False)

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)


class ConfirmDialog(ModalScreen[bool]):
    """Yes or no."""

    def __init__(self, language: Language, question: str) -> None:
        super().__init__()
        self._language = language
        self._question = question
        self._yes = say(language, "tui.dialog_yes_keys").split(",")

    def compose(self) -> ComposeResult:
        """A box with the question in it."""
        with Vertical(classes="dialog") as box:
            box.border_subtitle = say(self._language, "tui.dialog_quit_keys")
            yield Static(Content(self._question))

    def on_key(self, event: events.Key) -> None:
        """Any key but yes is no, except those that only look like a slip."""
        event.stop()
        if event.key in self._yes:
            self.dismiss(True)
        elif event.key in ("n", "escape", "q"):
            self.dismiss(False)


class HelpDialog(ModalScreen[None]):
    """Every key, from the one list of actions."""

    def __init__(self, language: Language, actions: Sequence[Action]) -> None:
        super().__init__()
        self._language = language
        self._actions = actions

    def compose(self) -> ComposeResult:
        """A box with the table in it."""
        width = max(len(action.shown) for action in self._actions)
        parts: list[tuple[str, str] | str] = []
        for action in self._actions:
            parts += [
                (f"{action.shown:>{width}}", "bold"),
                f"  {say(self._language, f'tui.action_{action.name}_help')}\n",
            ]
        parts.append("\n" + say(self._language, "tui.help_scroll"))
        with Vertical(classes="dialog") as box:
            box.border_title = say(self._language, "tui.help_title")
            yield Static(Content.assemble(*parts))

    def on_key(self, event: events.Key) -> None:
        """Any key closes it."""
        event.stop()
        self.dismiss(None)


class HandOverDialog(ModalScreen[None]):
    """What a colleague who takes the call over has to know; scrolls where the terminal is small."""

    _SCROLL: Final = frozenset(["up", "down", "pageup", "pagedown", "home", "end"])

    def __init__(self, language: Language, made: HandOverDrafted) -> None:
        super().__init__()
        self._language = language
        self._made = made

    def compose(self) -> ComposeResult:
        """A box with the items under their labels."""
        language, made = self._language, self._made
        lines: list[Content] = []
        before = ""
        for item in made.items:
            if item.slot != before:
                lines.append(Content(say(language, f"tui.slot_{item.slot}")).stylize("bold"))
                before = item.slot
            lines.append(Content.assemble("  ", item.text))
        if made.tags:
            lines.append(Content(say(language, "tui.summary_tags")).stylize("bold"))
            lines.append(Content("  " + ", ".join(tag.label for tag in made.tags)))
        title = "tui.hand_over_received" if made.from_call else "tui.hand_over_title"
        with Vertical(classes="dialog") as box:
            box.border_title = say(language, title)
            box.border_subtitle = say(language, "tui.hand_over_keys")
            with VerticalScroll(classes="hand-over"):
                yield Static(Content("\n").join(lines) if lines else Content(say(language, "tui.hand_over_empty")))

    def on_mount(self) -> None:
        """The keys that scroll go to the text."""
        self.query_one(VerticalScroll).focus()

    def on_key(self, event: events.Key) -> None:
        """Any key but those that scroll closes it."""
        if event.key not in self._SCROLL:
            event.stop()
            self.dismiss(None)
