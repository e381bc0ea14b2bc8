"""The screen as plain lines: for pipes, logs, screen readers and tests. One line for each event, flushed at once."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from assist import quality
from assist.errors import AssistError
from assist.events import (
    AgentDid,
    CallAnswered,
    CallEnded,
    CallHeld,
    CallResumed,
    CallScored,
    CallStarted,
    CallTransferred,
    CardOffered,
    CardWithdrawn,
    CasePosted,
    CasePostFailed,
    CaseSaved,
    ComplianceChanged,
    Degraded,
    EarsChanged,
    Event,
    FactHeard,
    HandOverDrafted,
    Heard,
    Language,
    LeadDid,
    SensitiveChanged,
    SentimentChanged,
    SummaryDrafted,
    SurveyAnswered,
    TagsChanged,
)
from assist.strings import say
from tui import words
from tui.client import Feed
from tui.frames import Frame, Incoming, Link, Refused, Snapshot, Synced

PARTIAL_MARK = "~"


class PlainTimeoutError(AssistError):
    """The call did not end with its case saved in the time allowed."""


class PlainScreen:
    """Prints what happens in the calls it is given.

    With ``exit_after_case`` it follows one call, the one it was told or the first that is live, and is done once
    that call has ended and its case is saved.
    """

    def __init__(self, language: Language, out: TextIO, *, call_id: str = "", exit_after_case: bool = False) -> None:
        self._language = language
        self._out = out
        self._call_id = call_id
        self._only_one = exit_after_case
        self._start: dict[str, float] = {}
        self._seen: dict[str, int] = {}
        self._partial: dict[tuple[str, str], str] = {}
        self._over: set[str] = set()
        self._saved: set[str] = set()
        self._up = True
        self._finished = asyncio.Event()

    async def run(self, feed: Feed, *, timeout_s: float | None = None) -> None:
        """Print until cancelled, or until the case is saved when that was asked for.

        Raises:
            PlainTimeoutError: the case was not saved within ``timeout_s`` seconds.
            AssistError: the feed can't go on.
        """
        running = asyncio.create_task(feed.run(self.receive))
        finished = asyncio.create_task(self._finished.wait())
        try:
            done, _ = await asyncio.wait({running, finished}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if running in done:
                running.result()
            if not done:
                raise PlainTimeoutError(say(self._language, "tui.plain_timeout", seconds=round(timeout_s or 0)))
        finally:
            for task in (running, finished):
                task.cancel()
            await asyncio.gather(running, finished, return_exceptions=True)

    def receive(self, frame: Frame) -> None:
        """Print what a frame says."""
        match frame:
            case Snapshot():
                self._snapshot(frame)
            case Incoming():
                self._event(frame.event)
            case Link():
                if not frame.up and self._up:
                    self._print("", f"! {say(self._language, 'tui.link_down')}")
                self._up = frame.up
            case Refused():
                self._print("", f"! {say(self._language, 'tui.refused', reason=frame.message)}")
            case Synced():
                pass

    def _snapshot(self, frame: Snapshot) -> None:
        ended = any(isinstance(event, CallEnded) for event in frame.events)
        known = self._seen.get(frame.call_id, 0)
        if ended and not known and self._call_id != frame.call_id:
            # It was over before anybody looked.
            self._over.add(frame.call_id)
            self._seen[frame.call_id] = frame.seq
            return
        for event in frame.events:
            if event.seq > known:
                self._event(event)
        self._seen[frame.call_id] = max(known, frame.seq)

    def _event(self, event: Event) -> None:
        call_id = event.call_id
        if call_id:
            if self._call_id and call_id != self._call_id:
                return
            if self._only_one and not self._call_id:
                if not isinstance(event, CallStarted) and call_id in self._over:
                    return
                self._call_id = call_id
            self._seen[call_id] = max(self._seen.get(call_id, 0), event.seq)
        if isinstance(event, CallStarted):
            self._start[call_id] = event.at
        for line in self._lines(event):
            self._print(self._stamp(event), line)
        if isinstance(event, CallEnded):
            self._over.add(call_id)
        if isinstance(event, CaseSaved):
            self._saved.add(call_id)
        if self._only_one and self._call_id in self._over & self._saved:
            self._finished.set()

    def _stamp(self, event: Event) -> str:
        start = self._start.get(event.call_id)
        return words.clock(max(0.0, event.at - start)) if start is not None else time.strftime("%H:%M:%S")

    def _print(self, stamp: str, line: str) -> None:
        # What people say has no line breaks of its own; a case system's answer might.
        text = " ".join(line.split())
        self._out.write(f"[{stamp or time.strftime('%H:%M:%S')}] {text}\n")
        self._out.flush()

    def _lines(self, event: Event) -> Iterator[str]:
        def tell(key: str, **values: str) -> str:
            return say(self._language, f"tui.{key}", **values)

        match event:
            case Heard():
                who = say(self._language, f"common.{event.party}")
                if event.text and event.final:
                    yield f"{who}: {event.text}"
                elif event.text and self._partial.get((event.call_id, event.party)) != event.text:
                    # The same words again, only surer, are nothing to print.
                    self._partial[event.call_id, event.party] = event.text
                    yield f"{PARTIAL_MARK} {who}: {event.text}"
            case FactHeard():
                if fact := words.fact(self._language, event):
                    yield tell("plain_fact", fact=fact)
            case CardOffered():
                name = "plain_article" if event.source else "plain_card"
                yield tell(name, title=event.title, say=event.say, source=event.source)
            case CardWithdrawn():
                yield tell("plain_card_gone", reason=tell(f"reason_{event.reason}"))
            case ComplianceChanged():
                yield tell(
                    "plain_rule",
                    symbol=words.rule_symbol(event.state, forbidden=event.kind == "forbidden"),
                    label=event.label,
                )
            case SentimentChanged():
                who = say(self._language, f"common.{event.party}")
                way = tell(f"trend_{words.trend(event)}")
                yield tell("plain_mood", who=who, mood=words.felt(self._language, event), trend=way)
            case TagsChanged():
                yield tell("plain_tags", tags=", ".join(tag.label for tag in event.tags) or tell("summary_no_tags"))
            case SummaryDrafted():
                for item in event.items:
                    yield tell("plain_summary", slot=tell(f"slot_{item.slot}"), text=item.text)
                yield tell("plain_disposition", disposition=event.disposition)
            case SensitiveChanged():
                yield tell(f"plain_unheard_{event.state}")
            case CallScored():
                yield from self._score(event)
            case AgentDid() | LeadDid() if event.action in quality.ACTIONS:
                yield self._dispute(event)
            case HandOverDrafted():
                yield tell("plain_received" if event.from_call else "plain_handed_over")
                for item in event.items:
                    yield tell("plain_hand_over", slot=tell(f"slot_{item.slot}"), text=item.text)
            case CaseSaved():
                yield tell("plain_case", case_id=event.case_id)
            case CasePosted():
                yield tell("plain_posted", case_id=event.case_id, target=event.target, reference=event.reference)
            case CasePostFailed():
                yield tell("plain_post_failed", case_id=event.case_id, target=event.target, detail=event.detail)
            case Degraded():
                yield f"! {words.degraded(self._language, event)}"
            case AgentDid(action="summary_accepted"):
                yield tell("plain_accepted")
            case AgentDid(action="note"):
                yield tell("plain_note", text=event.text)
            case _:
                yield from self._telephony(event, tell)

    def _score(self, event: CallScored) -> Iterator[str]:
        """The total, and of the items those that lost points."""
        language = self._language
        yield say(language, "quality.plain_score", total=quality.told_total(event.score, language), card=event.card)
        for item in event.items:
            if item.points is not None and item.points < item.of:
                mark = f" ({say(language, 'quality.critical')})" if item.item_id in event.failed else ""
                points = quality.told_points(item.points, item.of)
                yield say(language, "quality.plain_item", points=points, label=item.label + mark, why=item.why)

    def _dispute(self, event: AgentDid | LeadDid) -> str:
        state = quality.ANSWERS.get(event.action, "open")
        person = event.agent_id if isinstance(event, AgentDid) else event.lead_id
        text = say(self._language, f"quality.dispute_{state}", person=person, text=event.text)
        return say(self._language, "quality.plain_dispute", item=event.target, text=text)

    def _telephony(self, event: Event, tell: Callable[..., str]) -> Iterator[str]:
        match event:
            case CallStarted():
                yield tell("plain_started", caller=event.caller or tell("unknown_caller"), queue=event.queue)
            case CallAnswered():
                yield tell("plain_answered")
            case CallHeld():
                yield tell("plain_held")
            case CallResumed():
                yield tell("plain_resumed")
            case CallTransferred():
                yield tell("plain_transferred", target=event.target)
            case CallEnded():
                yield tell("plain_ended" if event.answered else "plain_unanswered")
            case EarsChanged() if event.state in ("whispering", "barging", "taken_over"):
                yield "» " + say(self._language, f"ears.state_{event.state}", lead=event.lead_id)
            case SurveyAnswered():
                kind = say(self._language, f"ears.kind_{event.kind}")
                yield f"★ {kind} ({event.question_id}): {event.score} / {event.high}"
            case _:
                pass
