"""The agent's screen: the talk as it is heard, the next line to say, what compliance needs, the finished summary.

AgentApp(HubClient(url, token), language="es").run()
"""

import time
from collections.abc import Callable

from textual import on
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import OptionList

from assist import quality
from assist.errors import AssistError
from assist.events import AgentAction, AgentDid, CallTransferred, CardOffered, HandOverDrafted, Language, LeadDid
from assist.strings import say
from tui import actions, dialogs, view
from tui.actions import ACTIONS
from tui.client import Feed
from tui.frames import Frame, Incoming, Refused
from tui.score import ScoreScreen
from tui.state import CallState
from tui.view import ScreenState
from tui.widgets.panels import Banner, CardPanel, Checklist, Facts, Header, Idle, KeyLine
from tui.widgets.summary import SummaryPane
from tui.widgets.transcript import Transcript

_TICK_S = 0.5
_TALL = 30


class StateChanged(Message):
    """There is something new to draw; one that waits stands for all that follow."""

    def can_replace(self, message: Message) -> bool:
        """A thousand partials become one repaint."""
        return isinstance(message, StateChanged)


class AgentApp(App[str]):
    """The app. Its result is empty, or a sentence that says why it could not go on (return code 1)."""

    CSS_PATH = "agent.tcss"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, feed: Feed, language: Language, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
        self._feed = feed
        self._language = language
        self._clock = clock
        self._state = ScreenState()
        self._current = ""
        self._put_away: set[str] = set()
        self._answered: set[str] = set()
        self._reading = False
        self._asked_over: float | None = None
        self._seen_over: set[tuple[str, str]] = set()
        for action in ACTIONS:
            self.bind(
                ",".join(action.keys), action.name, description=say(language, f"tui.action_{action.name}"), show=False
            )

    @property
    def state(self) -> ScreenState:
        """What the screen is drawn from."""
        return self._state

    def compose(self) -> ComposeResult:
        """Everything there ever is; what does not apply is hidden."""
        yield Header(self._language, id="header")
        yield Banner(self._language, id="banner")
        yield Facts(self._language, id="facts")
        yield Idle(self._language, id="idle")
        with Horizontal(id="body"):
            yield Transcript(self._language, id="transcript")
            yield Checklist(self._language, id="checklist")
        yield SummaryPane(self._language, id="summary")
        yield CardPanel(self._language, id="card")
        yield KeyLine(self._language, id="keys")

    def on_mount(self) -> None:
        """Draw once, then follow the feed and the clock."""
        self.title = say(self._language, "tui.title")
        if self.console.color_system not in ("truecolor", "256"):
            # Shades would be rounded to whatever is nearest; the terminal's own sixteen are legible.
            self.theme = "ansi-dark"
            self.screen.add_class("-plain")
        if self.no_color:
            self.screen.add_class("-plain")
        self._draw()
        self.set_interval(_TICK_S, self._tick)
        self.run_worker(self._follow(), name="feed", exit_on_error=True)

    async def _follow(self) -> None:
        try:
            await self._feed.run(self._receive)
        except AssistError as err:
            self.exit(say(self._language, "tui.hub_refused", reason=str(err)), return_code=1)

    def _receive(self, frame: Frame) -> None:
        """Fold a frame into the state; the widgets learn of it by message."""
        self._state = view.apply(self._state, frame, self._clock())
        self.post_message(StateChanged())
        if isinstance(frame, Refused):
            self.notify(say(self._language, "tui.refused", reason=frame.message), severity="warning", markup=False)
        if isinstance(frame, Incoming) and isinstance(frame.event, CallTransferred):
            passed = frame.event.agent_id not in ("", self._state.subject)
            who = frame.event.agent_id or frame.event.target
            self.notify(say(self._language, f"tui.{'passed_on' if passed else 'transferred'}", who=who), markup=False)
        if isinstance(frame, Incoming) and isinstance(frame.event, LeadDid) and frame.event.action in quality.ANSWERS:
            key = f"quality.answered_{quality.ANSWERS[frame.event.action]}"
            self.notify(say(self._language, key, person=frame.event.lead_id, text=frame.event.text), markup=False)

    @on(StateChanged)
    def _on_state_changed(self) -> None:
        self._draw()
        self._show_hand_over()

    # --- drawing ---------------------------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        """The hub's clock, seconds UTC."""
        return self._clock() + self._state.skew

    @property
    def call(self) -> CallState | None:
        """The call on show."""
        return self._state.shown(self._current, self._put_away)

    @property
    def card(self) -> CardOffered | None:
        """The card on show: offered, and not answered a moment ago."""
        call = self.call
        card = call.card if call is not None and call.live else None
        return None if card is None or card.offer_id in self._answered else card

    def _draw(self) -> None:
        if not self.screen_stack:
            # A frame or a tick that arrives while the app closes.
            return
        call = self.call
        for shown in self.screen_stack:
            if isinstance(shown, ScoreScreen):
                shown.follow(call, self._state.calls.get)
        screen = self.screen_stack[0]
        if (call.call_id if call else "") != self._current:
            self._current = call.call_id if call else ""
            self._reading = False
        summing_up = call is not None and call.phase == "wrap_up" and not self._reading
        screen.query_one(Idle).display = call is None
        screen.query_one("#body").display = call is not None and not summing_up
        screen.query_one(SummaryPane).display = summing_up
        screen.query_one(Banner).show(self._state, call, self._feed.waiting)
        screen.query_one(CardPanel).show(self.card)
        # On a small terminal the card and what is degraded matter more than a row of the talk or of the checklist.
        crowded = self.card is not None or screen.query_one(Banner).display
        room = not summing_up and (self.size.height >= _TALL or not crowded)
        screen.query_one(Facts).show(call, room=room)
        if call is None:
            screen.query_one(Idle).show(self._state)
        elif summing_up:
            screen.query_one(SummaryPane).show(call)
        else:
            screen.query_one(Transcript).show(call)
        focus = screen.query_one("#summary-items", OptionList) if summing_up else screen.query_one(Transcript)
        if screen.focused is not focus and call is not None:
            screen.set_focus(focus)
        self._tick()

    def _tick(self) -> None:
        """Draw what the clock changes."""
        if not self.screen_stack:
            return
        call = self.call
        screen = self.screen_stack[0]
        if not screen.query(Header):
            return  # the app is closing, its screen already taken down
        screen.query_one(Header).show(call, self._now)
        if call is not None:
            screen.query_one(Checklist).show(call.rules, self._now)
        known = self._contexts()
        screen.query_one(KeyLine).show([action for action in ACTIONS if action.footer and action.when in known])

    # --- what the agent does ---------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys do nothing where they make no sense."""
        for known in ACTIONS:
            if known.name == action:
                return known.when in self._contexts()
        return super().check_action(action, parameters)

    def _contexts(self) -> frozenset[actions.Context]:
        call = self.call
        return actions.contexts(call, card=self.card is not None, scored=self._state.scored(call) is not None)

    def _do(self, did: AgentAction, *, target: str = "", text: str = "", about: CallState | None = None) -> None:
        call = about or self.call
        if call is None:
            return
        self._feed.do(
            AgentDid(
                call_id=call.call_id,
                at=self._now,
                agent_id=self._state.subject or call.agent_id,
                action=did,
                target=target,
                text=text,
            )
        )
        if self._state.link != "up":
            self.notify(say(self._language, "tui.sent_later"), markup=False)
        self._draw()

    def _answer(self, did: AgentAction) -> None:
        card = self.card
        if card is not None:
            # The card goes at once: the echo through the broker takes a moment, a second press must not count.
            self._answered.add(card.offer_id)
            self._do(did, target=card.offer_id)

    def action_take(self) -> None:
        """Use the card."""
        self._answer("card_taken")

    def action_dismiss(self) -> None:
        """Put the card away."""
        self._answer("card_dismissed")

    def action_not_useful(self) -> None:
        """Put the card away and say that it did not help."""
        self._answer("card_not_useful")

    def action_accept(self) -> None:
        """Accept the summary as it stands."""
        call = self.call
        if call is not None and call.summary is not None:
            self._do("summary_accepted", target=str(call.summary.revision))

    def action_edit(self) -> None:
        """Correct the marked line."""
        call = self.call
        pane = self.screen_stack[0].query_one(SummaryPane)
        target = pane.target
        if call is None or call.summary is None or not target:
            return
        label, text = pane.text_of(call, target)

        def save(answer: str | None) -> None:
            if answer is not None and answer != text:
                self._do("summary_edited", target=target, text=answer)

        self.push_screen(
            dialogs.TextDialog(self._language, say(self._language, "tui.dialog_edit", what=label), text), save
        )

    @on(OptionList.OptionSelected, "#summary-items")
    def _on_summary_line(self) -> None:
        if self.check_action("edit", ()):
            self.action_edit()

    def action_note(self) -> None:
        """Add a note to the case."""

        def save(answer: str | None) -> None:
            if answer:
                self._do("note", text=answer)

        self.push_screen(dialogs.TextDialog(self._language, say(self._language, "tui.dialog_note")), save)

    def action_pause(self) -> None:
        """Stop listening while payment data is told, or go on."""
        if self.call is not None:
            self._do("listening_resumed" if self.call.unheard else "listening_paused")

    def action_hand_over(self) -> None:
        """Ask for the call so far, for whoever takes it over; shown when it comes."""
        call = self.call
        if call is not None:
            known = call.handed_over
            self._asked_over = known.at if known is not None else 0.0
            self._do("hand_over")

    def _show_hand_over(self) -> None:
        """Show the hand-over that was asked for, or the one the agent before left, once."""
        call = self.call
        if call is None or len(self.screen_stack) != 1:
            return  # whoever types in a dialog is not interrupted; it is shown with the next news
        made = call.handed_over
        if self._asked_over is not None and made is not None and made.at > self._asked_over:
            self._asked_over = None
            self._open_hand_over(made)
        elif call.received is not None and call.live:
            key = (call.call_id, call.received.from_call)
            if key not in self._seen_over:
                self._seen_over.add(key)
                self._open_hand_over(call.received)

    def _open_hand_over(self, made: HandOverDrafted) -> None:
        self.push_screen(dialogs.HandOverDialog(self._language, made), lambda _: self._show_hand_over())

    def action_tick(self) -> None:
        """Mark an item of the checklist as met."""
        call = self.call
        if call is None:
            return
        choices = [
            (rule.rule_id, rule.label)
            for rule in call.rules
            if rule.open or (rule.state == "missed" and not rule.forbidden)
        ]

        def save(answer: str | None) -> None:
            if answer is not None:
                self._do("rule_ticked", target=answer)

        self.push_screen(dialogs.ChoiceDialog(self._language, say(self._language, "tui.dialog_tick"), choices), save)

    def action_transcript(self) -> None:
        """Change between summary and transcript."""
        self._reading = not self._reading
        self._draw()

    def action_score(self) -> None:
        """Show the score and what may be disputed."""
        call = self._state.scored(self.call)
        if call is None:
            return

        def dispute(about: CallState, item_id: str, reason: str) -> None:
            self._do("score_disputed", target=item_id, text=reason, about=about)

        self.push_screen(ScoreScreen(self._language, call, dispute))

    def action_end(self) -> None:
        """Follow the talk again."""
        self.screen_stack[0].query_one(Transcript).follow()

    def action_close(self) -> None:
        """Put the finished call away."""
        self._put_away.add(self._current)
        self._draw()

    def action_help(self) -> None:
        """Show every key."""
        self.push_screen(dialogs.HelpDialog(self._language, ACTIONS))

    async def action_quit(self) -> None:
        """Leave; during a call only after asking."""
        call = self.call
        if call is None or not call.live:
            self.exit("")
            return

        def answer(sure: bool | None) -> None:
            if sure:
                self.exit("")

        self.push_screen(dialogs.ConfirmDialog(self._language, say(self._language, "tui.dialog_quit")), answer)
