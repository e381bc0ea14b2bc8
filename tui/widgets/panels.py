"""The quiet parts around the transcript: header, banner, card, checklist, footer, waiting screen."""

from collections.abc import Sequence

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from assist import quality
from assist.events import CardOffered, Language, SentimentChanged
from assist.strings import say
from tui import words
from tui.actions import Action
from tui.state import CallState, Rule
from tui.view import ScreenState

_PHASE_SYMBOLS = {"ringing": "◌", "talking": "●", "held": "‖", "wrap_up": "■", "unanswered": "×"}


class Header(Widget):
    """Call state, timer, caller and queue to the left; the customer's mood to the right."""

    def __init__(self, language: Language, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._language = language
        self._left = Content()
        self._right = Content()

    def show(self, call: CallState | None, now: float) -> None:
        """Draw ``call`` at ``now`` (seconds UTC, the hub's clock)."""
        left, right = self._sides(call, now)
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def render(self) -> RenderResult:
        """One row; the mood keeps its place at the right edge, what is left of it gives way."""
        room = self.content_size.width - self._right.cell_length
        left = self._left
        if left.cell_length > room - 1:
            left = left.truncate(max(0, room - 1), ellipsis=True)
        return Content.assemble(left, " " * max(0, room - left.cell_length), self._right)

    def _sides(self, call: CallState | None, now: float) -> tuple[Content, Content]:
        language = self._language
        if call is None:
            return Content.assemble(("○ " + say(language, "tui.phase_idle"), "bold")), Content(
                say(language, "tui.title")
            )
        done = call.phase == "wrap_up" and call.accepted
        name = "done" if done else call.phase
        symbol = "✓" if done else _PHASE_SYMBOLS[call.phase]
        parts: list[Content | str | tuple[str, str]] = [
            (f"{symbol} {say(language, f'tui.phase_{name}')}", "bold"),
            "" if done else f" {words.clock(call.elapsed(now))}",
            f"   {call.caller or say(language, 'tui.unknown_caller')}",
        ]
        if call.queue:
            parts.append((f" · {call.queue}", "dim"))
        return Content.assemble(*parts), self._mood(call.sentiment.get("customer"))

    def _mood(self, sentiment: SentimentChanged | None) -> Content:
        language = self._language
        if sentiment is None:
            return Content()
        way = words.trend(sentiment)
        style = {"negative": "bold $text-warning", "neutral": "", "positive": "bold $text-success"}[sentiment.mood]
        return Content.assemble(
            (say(language, "tui.mood") + " ", "dim"),
            (words.felt(language, sentiment), style),
            (f" {words.TREND_SYMBOLS[way]} {say(language, f'tui.trend_{way}')}", "dim"),
        )


class Banner(Static):
    """What is degraded, one line each; hidden while everything works."""

    def __init__(self, language: Language, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._language = language

    def show(self, state: ScreenState, call: CallState | None, waiting: int) -> None:
        """Draw the parts in trouble; ``waiting`` is how much the person did that is not yet sent."""
        lines = [words.degraded(self._language, event) for event in state.degraded(call)]
        if call is not None and call.live and call.speaking is not None:
            lead, does = call.speaking
            lines.insert(0, say(self._language, f"ears.state_{does}", lead=lead))
        if call is not None and call.live and call.unheard:
            lines.insert(0, say(self._language, "tui.unheard"))
        if state.link == "down":
            text = say(self._language, "tui.link_down")
            if waiting:
                text += " " + say(self._language, "tui.link_waiting", count=waiting)
            lines = [text]
        self.display = bool(lines)
        self.update(Content("\n".join(f"! {line}" for line in lines)))


class Facts(Widget):
    """One line of what was told: numbers, sums, dates. The oldest gives way where there is no room."""

    def __init__(self, language: Language, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._language = language
        self._shown: tuple[str, ...] = ()

    def show(self, call: CallState | None, *, room: bool) -> None:
        """Draw what was told in ``call``; hidden without anything, or without ``room``."""
        facts = call.facts.values() if call is not None and call.live else ()
        shown = tuple(text for fact in facts if (text := words.fact(self._language, fact)))
        self.display = bool(shown) and room
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render(self) -> RenderResult:
        """One row, the latest to the right."""
        name = say(self._language, "tui.facts") + " "
        room = self.content_size.width - len(name)
        kept: list[Content] = []
        for text in reversed(self._shown):
            fact = Content(text)
            if kept:
                room -= 3
            if fact.cell_length > room:
                break
            kept.insert(0, fact)
            room -= fact.cell_length
        if not kept and self._shown:
            kept = [Content(self._shown[-1]).truncate(max(1, room), ellipsis=True)]
        return Content.assemble((name, "dim"), Content(" · ").join(kept))


class CardPanel(Static):
    """One suggestion, big and calm; hidden without one."""

    def __init__(self, language: Language, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._language = language
        self._card: CardOffered | None = None
        self.border_subtitle = say(language, "tui.card_keys")

    def show(self, card: CardOffered | None) -> None:
        """Draw ``card``."""
        if card == self._card:
            return
        self._card = card
        self.display = card is not None
        if card is not None:
            kind = say(self._language, "tui.article" if card.source else "tui.card")
            self.border_title = Content.assemble((kind, "bold"), f" · {card.title}" if card.title else "").markup
            words = Content(card.say).stylize("bold")
            if card.source:
                # The company's words, not ours: whoever reads them aloud must see where they stand.
                place = say(self._language, "tui.article_source", source=card.source)
                words = Content.assemble(words, "\n", (place, "dim"))
            self.update(words)


class Checklist(Static):
    """What compliance still needs, each with a symbol and the seconds left."""

    def __init__(self, language: Language, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._language = language
        self._drawn: object = None

    def show(self, rules: Sequence[Rule], now: float) -> None:
        """Draw ``rules`` at ``now`` (seconds UTC)."""
        drawn = [(rule, rule.remaining(now)) for rule in rules]
        if drawn == self._drawn:
            return
        self._drawn = drawn
        title = (
            say(self._language, "tui.checklist_short")
            if all(rule.forbidden for rule in rules)
            else words.progress(self._language, rules)
        )
        empty = Content(say(self._language, "tui.checklist_empty")).stylize("dim")
        lines = [self._line(rule, left) for rule, left in drawn] or [empty]
        self.update(Content("\n").join([Content(title).stylize("bold"), *lines]))

    def _line(self, rule: Rule, left: int | None) -> Content:
        style = {
            "pending": "dim" if rule.forbidden else "",
            "due": "bold $text-warning",
            "met": "dim",
            "missed": "$text-error",
            "forbidden_said": "bold $text-error",
        }[rule.state]
        tail = ""
        if left is not None:
            tail = f" {left} s" if left < 120 else f" {words.clock(left)}"
        elif rule.state == "missed":
            tail = f" ({say(self._language, 'tui.rule_missed')})"
        elif rule.state == "forbidden_said":
            tail = f" ({say(self._language, 'tui.rule_forbidden')})"
        return Content.assemble(
            (f"{words.rule_symbol(rule.state, forbidden=rule.forbidden)} {rule.label}{tail}", style)
        )


class KeyLine(Static):
    """The last line: what the keys do now."""

    def __init__(self, language: Language, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._language = language
        self._drawn: tuple[Action, ...] = ()

    def show(self, actions: Sequence[Action]) -> None:
        """Draw the keys of ``actions``."""
        if tuple(actions) == self._drawn:
            return
        self._drawn = tuple(actions)
        parts: list[tuple[str, str] | str] = []
        for action in actions:
            parts += [(f" {action.shown} ", "bold reverse"), f" {say(self._language, f'tui.action_{action.name}')} "]
        self.update(Content.assemble(*parts))


class Idle(Static):
    """No call: say so, and nothing else that asks for attention."""

    def __init__(self, language: Language, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._language = language

    def show(self, state: ScreenState) -> None:
        """Draw the waiting screen."""
        language = self._language
        if state.link == "connecting" or (state.link == "up" and not state.synced):
            self.update(Content(say(language, "tui.idle_connecting")).stylize("dim"))
            return
        parts: list[tuple[str, str] | str] = [(say(language, "tui.idle_waiting"), "bold"), "\n\n"]
        if state.subject:
            parts.append(say(language, "tui.idle_agent", subject=state.subject) + "\n")
        saved = [call for call in state.calls.values() if call.case_id]
        if saved:
            last = max(saved, key=lambda call: call.started_at)
            parts.append("✓ " + say(language, "tui.idle_last_case", case_id=last.case_id) + "\n")
        scored = state.scored(None)
        if scored is not None and scored.score is not None:
            parts.append(
                say(language, "quality.last_call", total=quality.told_total(scored.score.score, language)) + "\n"
            )
        parts.append(("\n" + say(language, "tui.idle_hint"), "dim"))
        self.update(Content.assemble(*parts))
