"""``apuntador playbook``: check a playbook, run its tests, try it on a call, before anybody's call depends on it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import pydantic_core
import typer

from assist.cli.history import reading, settings_of
from assist.config import Settings
from assist.decide import priors
from assist.decide.kit import Kit
from assist.decide.playbook import Playbook, json_schema
from assist.errors import ConfigError
from assist.events import (
    AgentDid,
    CardOffered,
    CardWithdrawn,
    ComplianceChanged,
    Event,
    Heard,
    Language,
    MomentHeard,
    SensitiveChanged,
    TagsChanged,
)
from assist.session.encoder import installed_encoder
from assist.session.kits import make_kits
from assist.session.mood import open_mood
from assist.session.playbooks import read_playbook
from assist.session.rehearse import CheckResult, Moment, events_of_case, read_call, rehearse, run_checks
from assist.store import document
from assist.store.reader import card_outcomes, read_case
from assist.strings import say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

EXIT_FAILED: Final = 1
_SUFFIXES: Final = (".yaml", ".yml", ".toml")
_MOST_BYTES: Final = 20_000_000
_SHOWN_WORDINGS: Final = 2

File = Annotated[Path, typer.Argument(metavar="FILE", help="The playbook, YAML or TOML.")]


@app.command()
def check(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...")],
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say from which act each rule borrows.")] = False,
) -> None:
    """Say what is wrong with a playbook, each fault with its line and what to do; nothing is started.

    Example: apuntador playbook check --verbose /etc/apuntador/es.yaml
    """
    settings = settings_of(ctx)
    language = settings.language
    failed = False
    for path in files:
        try:
            book = _read(path)
        except ConfigError as err:
            typer.echo(str(err), err=True)
            failed = True
            continue
        counts = {"cards": len(book.cards), "rules": len(book.rules), "tests": len(book.tests)}
        typer.echo(say(language, "playbook.good", file=path, name=book.name, version=book.version, **counts))
        if verbose:
            for line in _loans(_kit(book, language, settings), language):
                typer.echo(line)
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _loans(kit: Kit, language: Language) -> Iterator[str]:
    """For each thing with examples the act of the bank it was taken for, with some of the wordings it gets; for cards
    also the reason of the taxonomy."""
    for card, label in (kit.contest.loans() if kit.contest is not None else {}).items():
        yield "  " + say(language, "playbook.loan_card", name=f"card.{card}.customer", topic=label)
    if kit.meant is None or kit.bank is None:
        return
    for key, loan in kit.meant.loans().items():
        if loan is None:
            yield "  " + say(language, "playbook.no_loan", name=key)
            continue
        lines = kit.bank.acts[kit.bank.place(loan.act)].wordings[kit.playbook.language][:_SHOWN_WORDINGS]
        shown = " / ".join(lines)
        yield "  " + say(
            language, "playbook.loan", name=key, act=loan.act, likeness=f"{loan.likeness:.2f}", lines=shown
        )


@app.command()
def test(ctx: typer.Context, file: File) -> None:
    """Run the tests that are written in the playbook. Exit code 1 when one fails.

    Example: apuntador playbook test /etc/apuntador/es.yaml
    """
    language = settings_of(ctx).language
    book = _read(file)
    if not book.tests:
        typer.echo(say(language, "playbook.no_tests", file=file), err=True)
        raise typer.Exit(EXIT_FAILED)
    results = run_checks(_kit(book, language, settings_of(ctx)))
    for line in _report(results, language):
        typer.echo(line)
    passed = sum(result.passed for result in results)
    typer.echo(say(language, "playbook.tests", passed=passed, total=len(results)))
    if passed < len(results):
        raise typer.Exit(EXIT_FAILED)


def _report(results: list[CheckResult], language: Language) -> Iterator[str]:
    named: dict[str, list[int]] = {}
    for result in results:
        for name in (*result.check.fires, *result.check.never):
            good = name not in result.missing and name not in result.wrong
            named.setdefault(name, [0, 0])[0 if good else 1] += 1
    for name, (right, wrong) in sorted(named.items()):
        mark = "✗" if wrong else "✓"
        typer.echo(f"{mark} {name}  {right}/{right + wrong}")
    for result in results:
        if result.passed:
            continue
        said = " / ".join(text for _, text in result.check.said())
        yield say(language, "playbook.failed", number=result.number, said=said)
        if result.missing:
            yield "    " + say(language, "playbook.missing", names=", ".join(result.missing))
        if result.wrong:
            yield "    " + say(language, "playbook.wrong", names=", ".join(result.wrong))
        yield "    " + say(language, "playbook.fired", names=", ".join(sorted(result.fired)) or "—")


@app.command()
def simulate(
    ctx: typer.Context,
    file: File,
    call: Annotated[str, typer.Argument(metavar="CALL", help="A written call (YAML), an exported case, or a case id.")],
    as_json: Annotated[bool, typer.Option("--json", help="The events as JSON, one a line.")] = False,
) -> None:
    """Play a call through the playbook and print when each card comes and goes and what the checklist says.

    Examples: apuntador playbook simulate es.yaml call.yaml | apuntador playbook simulate es.yaml AP-20261121-000123
    """
    settings = settings_of(ctx)
    book = _read(file)
    events = _call(call, book.language, settings)
    for moment in rehearse(events, _kit(book, settings.language, settings)):
        line = json.dumps(_plain(moment), ensure_ascii=False) if as_json else _shown(moment, book, settings.language)
        if line:
            typer.echo(line)


@app.command()
def schema(out: Annotated[Path | None, typer.Option("-o", help="File to write; default prints.")] = None) -> None:
    """JSON Schema of a playbook (docs/playbook.schema.json), for editors that help while typing."""
    text = json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


@app.command()
def feedback(
    ctx: typer.Context,
    out: Annotated[Path | None, typer.Option("-o", help="File to write; default prints.")] = None,
) -> None:
    """Count over the stored cases what agents did with each card; [playbook] feedback takes the file.

    Example: apuntador playbook feedback -o /etc/apuntador/cards.json
    """
    settings = settings_of(ctx)
    with reading(settings) as connection:
        counts = card_outcomes(connection)
    text = priors.dump({card: priors.CardPrior(**found) for card, found in counts.items()})
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


def _read(path: Path) -> Playbook:
    if path.suffix not in _SUFFIXES:
        raise ConfigError(f"{path}: a playbook's name ends in {', '.join(_SUFFIXES)}; rename the file")
    return read_playbook(path)


def _kit(book: Playbook, language: Language, settings: Settings) -> Kit:
    encoder = installed_encoder(settings.models_path)
    if encoder is None and any(spot.examples for spot in book.spots()):
        typer.echo(say(language, "playbook.words_only"), err=True)
    return make_kits(settings, {book.language: book}, sentiment=open_mood(), meaning=encoder)[book.language]


def _call(name: str, language: Language, settings: Settings) -> list[Event]:
    path = Path(name)
    if path.is_file():
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path}: over {_MOST_BYTES // 1_000_000} MB is no call; name another file")
        try:
            return read_call(path.read_text(encoding="utf-8"), str(path), language)
        except (OSError, UnicodeDecodeError) as err:
            raise ConfigError(f"{path}: can't be read ({type(err).__name__}); name a text file") from None
    with reading(settings) as connection:
        case = read_case(connection, name)
    return events_of_case(json.loads(document.as_json(case)), name)


def _plain(moment: Moment) -> dict[str, object]:
    fields: dict[str, object] = pydantic_core.to_jsonable_python(moment.event)
    return {"t": round(moment.at, 2), "type": type(moment.event).__name__, **fields}


def _shown(moment: Moment, book: Playbook, language: Language) -> str:
    """One line of the timeline; empty for what a supervisor need not see."""
    event, clock = moment.event, document.clock(moment.at)
    told = ""
    match event:
        case Heard():
            return f"{clock:>6}  {say(language, 'common.' + event.party)}: {event.text}"
        case CardOffered():
            told = say(language, "playbook.card", title=event.title, say=event.say, card=event.card_id)
        case CardWithdrawn():
            told = say(language, "playbook.card_gone", reason=say(language, f"case.outcome_{event.reason}"))
        case ComplianceChanged(state="pending"):
            return ""
        case ComplianceChanged():
            state = say(language, f"playbook.consent_{event.consent}" if event.consent else f"case.state_{event.state}")
            told = say(language, "playbook.rule", label=event.label, state=state, rule=event.rule_id)
        case MomentHeard():
            told = say(language, "playbook.moment", moment=event.moment_id)
        case SensitiveChanged():
            told = say(language, f"playbook.sensitive_{event.state}", reason=event.reason)
        case TagsChanged():
            told = say(language, "playbook.tags", tags=", ".join(tag.label for tag in event.tags))
        case AgentDid():
            told = say(language, "playbook.pressed", action=event.action)
        case _:
            return ""
    return f"{clock:>6}    → {told}"
