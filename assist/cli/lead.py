"""``apuntador lead``: what a team lead does in live calls, over the hub, from any machine that reaches it."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from assist.cli.hub import hub_url, read_token
from assist.config import Settings
from assist.errors import AssistError, AuthError
from assist.events import CallAnswered, CallEnded, CallStarted, EarsChanged, EarsState, Event, Language, LeadDid
from assist.store.document import clock
from assist.strings import say
from assist.wire import LeadWish
from tui.client import HubClient
from tui.frames import Done, Frame, Incoming, Link, Refused, Snapshot, Synced, Welcome

_SYNC_S: Final = 10.0
_REPLY_S: Final = 6.0
_MOST_RING_S: Final = 320.0
_COMES_TO: Final[dict[LeadWish, EarsState]] = {
    "listen": "listening",
    "whisper": "whispering",
    "barge": "barging",
    "take_over": "taken_over",
}
"""More than ``booth.ring_s`` can be: whether the phone is answered, the booth says."""
_SHORT: Final = 8

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Token = Annotated[str, typer.Option("--token", envvar="APUNTADOR_TOKEN", help="A team lead's token.")]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", envvar="APUNTADOR_TOKEN_FILE", help="File that holds the token.")
]
Url = Annotated[str, typer.Option("--url", envvar="APUNTADOR_URL", help="Hub, ws://… or wss://…; else the settings'.")]
Call = Annotated[
    str,
    typer.Argument(metavar="[CALL]", show_default=False, help="Beginning of the call's id, or its agent; else yours."),
]


@app.callback()
def lead() -> None:
    """A team lead's ears: hear, whisper in and take over live calls on your own phone.

    Your phone is the sip of your [[lead]] in the settings; it rings first. Its keys then: 4 listen, 5 whisper, 6 talk
    to both, * leave. Make the token with: apuntador token create --role lead --subject YOUR_ID
    """


@app.command()
def calls(ctx: typer.Context, token: Token = "", token_file: TokenFile = None, url: Url = "") -> None:
    """List the live calls, the oldest first.

    Example: apuntador lead calls --token-file ~/lead.token
    """
    settings: Settings = ctx.obj
    book = asyncio.run(_look(_client(settings, token, token_file, url)))
    live = book.live()
    if not live:
        typer.echo(say(settings.language, "ears.no_calls"))
    for call in live:
        typer.echo(call.told(settings.language))


@app.command()
def listen(ctx: typer.Context, call: Call = "", token: Token = "", token_file: TokenFile = None, url: Url = "") -> None:
    """Hear both parties; nobody hears you. Also back from whisper and barge.

    Examples: apuntador lead listen ana | apuntador lead listen 3f2a
    """
    _wish(ctx, "listen", call, token, token_file, url)


@app.command()
def whisper(
    ctx: typer.Context, call: Call = "", token: Token = "", token_file: TokenFile = None, url: Url = ""
) -> None:
    """Talk to the agent; the customer does not hear it."""
    _wish(ctx, "whisper", call, token, token_file, url)


@app.command()
def barge(ctx: typer.Context, call: Call = "", token: Token = "", token_file: TokenFile = None, url: Url = "") -> None:
    """Talk to both."""
    _wish(ctx, "barge", call, token, token_file, url)


@app.command()
def takeover(
    ctx: typer.Context, call: Call = "", token: Token = "", token_file: TokenFile = None, url: Url = ""
) -> None:
    """Talk to the customer instead of the agent, who is hung up. The call ends when you hang up."""
    _wish(ctx, "take_over", call, token, token_file, url)


@app.command()
def leave(ctx: typer.Context, call: Call = "", token: Token = "", token_file: TokenFile = None, url: Url = "") -> None:
    """Leave the call; your phone is hung up."""
    _wish(ctx, "leave", call, token, token_file, url)


# --- what is known of the calls --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Call:
    call_id: str
    started: CallStarted | None = None
    answered_at: float | None = None
    ended: bool = False
    leads: dict[str, str] = field(default_factory=dict)

    def told(self, language: Language) -> str:
        """One line."""
        began, leads = self.started, ", ".join(say(language, f"ears.state_{s}", lead=n) for n, s in self.leads.items())
        return say(
            language,
            "ears.call_line",
            call=self.call_id[:_SHORT],
            minutes=clock(time.time() - self.answered_at) if self.answered_at is not None else "…",
            queue=began.queue if began else "—",
            agent=began.agent_id if began else "—",
            caller=began.caller if began else "—",
            leads=leads,
        ).rstrip()


class _Book:
    """Everything the hub has told so far."""

    def __init__(self) -> None:
        self.me = ""
        self.role = ""
        self.calls: dict[str, _Call] = {}
        self.synced = False
        self.news: list[EarsChanged] = []
        self.replies: dict[str, Refused | None] = {}
        self.trouble = ""
        self._wake = asyncio.Event()

    def take(self, frame: Frame) -> None:
        """One more frame."""
        match frame:
            case Welcome():
                self.role, self.me = frame.role, frame.subject
            case Snapshot(call_id, _, events):
                self.calls[call_id] = _Call(call_id)
                for event in events:
                    self._fold(event)
            case Incoming(event):
                self._fold(event)
                if isinstance(event, EarsChanged):
                    self.news.append(event)
            case Synced():
                self.synced = True
            case Done(ref):
                self.replies[ref] = None
            case Refused() if frame.ref:
                self.replies[frame.ref] = frame
            case Link(False, detail):
                self.trouble = detail
            case _:
                pass
        self._wake.set()

    def _fold(self, event: Event) -> None:
        call = self.calls.setdefault(event.call_id, _Call(event.call_id))
        match event:
            case CallStarted():
                call.started = event
            case CallAnswered():
                call.answered_at = event.at
            case CallEnded():
                call.ended = True
            case EarsChanged(state="left"):
                call.leads.pop(event.lead_id, None)
            case EarsChanged(state="refused") if call.leads.get(event.lead_id) == "calling":
                call.leads.pop(event.lead_id, None)
            case EarsChanged() if event.state != "refused":
                call.leads[event.lead_id] = event.state
            case _:
                pass

    def live(self) -> list[_Call]:
        """Calls in which two people talk."""
        found = [call for call in self.calls.values() if call.answered_at is not None and not call.ended]
        return sorted(found, key=lambda call: call.answered_at or 0.0)

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether ``condition`` came true in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), deadline - time.monotonic())
            except TimeoutError:
                return condition()
        return True


# --- what is done ----------------------------------------------------------------------------------------------

_Made: TypeAlias = tuple[HubClient, _Book, Language]


def _client(settings: Settings, token: str, token_file: Path | None, url: str) -> _Made:
    secret = read_token(settings.language, token, token_file)
    return HubClient(hub_url(settings, url), secret), _Book(), settings.language


async def _look(made: _Made) -> _Book:
    async with _connected(*made):
        return made[1]


@contextlib.asynccontextmanager
async def _connected(client: HubClient, book: _Book, language: Language):  # type: ignore[no-untyped-def]
    running = asyncio.create_task(client.run(book.take))
    try:
        await book.until(lambda: book.synced or running.done(), _SYNC_S)
        if running.done():
            running.result()  # the token is refused, or the address makes no sense
        if not book.synced:
            raise AssistError(
                f"{say(language, 'ears.no_answer', seconds=f'{_SYNC_S:g}')} {book.trouble}".rstrip(), retryable=True
            )
        if book.role == "agent":
            raise AuthError(say(language, "ears.not_lead", role=book.role))
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _wish(ctx: typer.Context, wish: LeadWish, call: str, token: str, token_file: Path | None, url: str) -> None:
    settings: Settings = ctx.obj
    asyncio.run(_carry_out(_client(settings, token, token_file, url), wish, call))


async def _carry_out(made: _Made, wish: LeadWish, wanted: str) -> None:
    client, book, language = made
    async with _connected(*made):
        call = _choose(book, wanted, language)
        before = len(book.news)
        ref = client.do(LeadDid(call_id=call.call_id, at=time.time(), lead_id=book.me, action=wish))
        if not await book.until(lambda: ref in book.replies, _REPLY_S):
            raise AssistError(say(language, "ears.no_answer", seconds=f"{_REPLY_S:g}"), retryable=True)
        refusal = book.replies[ref]
        if refusal is not None:
            raise AssistError(refusal.message)

        def mine() -> list[EarsChanged]:
            return [news for news in book.news[before:] if news.lead_id == book.me]

        def is_so() -> bool:
            return wish in _COMES_TO and call.leads.get(book.me) == _COMES_TO[wish]

        # The answer may be here before the news; where nothing changes there is none.
        await book.until(lambda: bool(mine()) or is_so(), _REPLY_S)
        if call.leads.get(book.me) == "calling":
            typer.echo(say(language, "ears.ring", call=call.call_id[:_SHORT]))
            await book.until(lambda: call.leads.get(book.me) != "calling", _MOST_RING_S)
        last = mine()[-1] if mine() else None
        if last is None and is_so():
            typer.echo(say(language, f"ears.state_{_COMES_TO[wish]}", lead=book.me))
            return
        if last is None:
            raise AssistError(say(language, "ears.no_answer", seconds=f"{_REPLY_S:g}"), retryable=True)
        if last.state == "refused":
            by = f" ({last.by})" if last.by else ""
            raise AssistError(say(language, f"ears.why_{last.reason}", by=by))
        typer.echo(say(language, f"ears.state_{last.state}", lead=book.me))


def _choose(book: _Book, wanted: str, language: Language) -> _Call:
    """The live call that begins with ``wanted`` or is that agent's; without it the one the lead is at, or the only one.

    Raises:
        AssistError: none, or several.
    """
    live = book.live()
    known = ", ".join(f"{c.call_id[:_SHORT]} ({c.started.agent_id if c.started else '—'})" for c in live)
    known = known or say(language, "ears.nobody")
    if not wanted:
        mine = [call for call in live if book.me in call.leads] or live
        if len(mine) == 1:
            return mine[0]
        raise AssistError(say(language, "ears.which_call", known=known) if live else say(language, "ears.no_calls"))
    found = [c for c in live if c.call_id.startswith(wanted) or (c.started and c.started.agent_id == wanted)]
    if len(found) == 1:
        return found[0]
    key = "ears.which_call" if found else "ears.no_such_call"
    raise AssistError(say(language, key, known=known, wanted=wanted))
