"""`apuntador models …`: a Typer app for the main program to mount.

Exit codes: 0 done, 1 a verification failed, 2 wrong usage or unknown name, 3 the models could not be fetched.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from models.asr.registry import LANGUAGES, choose
from models.asr.vosk_folder import inspect
from models.catalog import Catalog, Model, load_catalog
from models.errors import EngineUnavailable, FetchError, ModelMissing, ModelsError, UnknownModel
from models.fetch import fetch as fetch_models
from models.fetch import plan
from models.store import Store
from models.strings import megabytes, say
from models.text.check import check_encoder

FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3

_Names = Annotated[list[str] | None, typer.Argument(help=say("cli.names"), show_default=False)]


def _examples(*lines: str) -> str:
    return "\n\n".join((say("cli.examples") + ":", *lines))


app = typer.Typer(help=say("cli.app"), no_args_is_help=True)


@app.command(
    "fetch",
    help=say("cli.fetch"),
    epilog=_examples(
        "apuntador models fetch",
        "apuntador models fetch --language es --yes",
        "apuntador models fetch moonshine-tiny-en",
    ),
)
def fetch_command(
    ctx: typer.Context,
    names: _Names = None,
    language: Annotated[list[str] | None, typer.Option(help=say("cli.opt.language"))] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=say("cli.opt.yes"))] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help=say("cli.opt.quiet"))] = False,
) -> None:
    err = Console(stderr=True)
    with _errors_to_exit_codes(err):
        out = Console(quiet=quiet, soft_wrap=True)
        catalog, store = load_catalog(), _store(ctx)
        wanted = _wanted(catalog, names or [], language or [], err)
        missing = plan(catalog, wanted, store)
        if not missing:
            out.print(say("cli.nothing", folder=store.root), markup=False, highlight=False)
            return
        ask = any(m.licence_note for m in missing) and not yes and not quiet and sys.stdin.isatty()
        _fetch(out, catalog, store, wanted, missing, ask=ask)


def fetch_missing(language: str, folder: Path | None = None) -> None:
    """What `apuntador models fetch --language LANGUAGE --yes` does, and nothing at all when all is there.

    Raises the `FetchError` family.
    """
    catalog, store = load_catalog(), Store(folder)
    wanted = list(catalog.defaults([language]))
    missing = plan(catalog, wanted, store)
    if missing:
        _fetch(Console(soft_wrap=True), catalog, store, wanted, missing, ask=False)


def _fetch(
    out: Console, catalog: Catalog, store: Store, wanted: list[str], missing: tuple[Model, ...], *, ask: bool
) -> None:
    _show_licences(out, missing)
    if ask and not typer.confirm(say("cli.accept"), default=True):
        out.print(say("cli.declined"))
        return
    with _reporter(out) as report:
        new = fetch_models(
            catalog,
            wanted,
            models_dir=store.root,
            progress=report.progress,
            on_wait=lambda: report.note(say("cli.waiting")),
            on_optimise=lambda name: report.note(say("cli.optimising", name=name)),
        )
    out.print(say("cli.done", names=", ".join(new), folder=store.root), markup=False, highlight=False)


def _store(ctx: typer.Context) -> Store:
    """The folder that the main program's settings name, if it has put them into the context."""
    return Store(getattr(ctx.obj, "models_path", None))


@app.command("list", help=say("cli.list"), epilog=_examples("apuntador models list", "apuntador models list --json"))
def list_command(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=say("cli.opt.json"))] = False,
) -> None:
    err = Console(stderr=True)
    with _errors_to_exit_codes(err):
        catalog, store = load_catalog(), _store(ctx)
        if as_json:
            typer.echo(json.dumps(_as_dicts(ctx, catalog, store), ensure_ascii=False, indent=1))
            return
        table = Table(box=None)
        for column in ("name", "kind", "language", "size", "licence", "state"):
            table.add_column(say(f"cli.col.{column}"), no_wrap=column == "name", justify="left")
        used = _used(ctx, catalog, store)
        for model in catalog.models:
            state = say(f"cli.{_state(model, store)}")
            if model in used.values() and store.is_installed(model.name, model.recipe):
                state = say("cli.used", state=state)
            table.add_row(model.name, model.kind, model.language, megabytes(model.source.size), model.licence, state)
        for language, folder in _folders(ctx).items():
            state = say("cli.folder" if _is_model(folder) else "cli.folder.bad")
            if used.get(language) == folder:
                state = say("cli.used", state=state)
            table.add_row(str(folder), "asr", language, "", "", state)
        # Into a pipe or a log nothing is wrapped.
        Console(width=None if sys.stdout.isatty() else 160).print(table)


@app.command("verify", help=say("cli.verify"), epilog=_examples("apuntador models verify"))
def verify_command(ctx: typer.Context, names: _Names = None) -> None:
    err = Console(stderr=True)
    with _errors_to_exit_codes(err):
        out = Console(soft_wrap=True, highlight=False)
        catalog, store = load_catalog(), _store(ctx)
        chosen = [catalog.get(n).name for n in names or []]
        # Without names a damaged model must be found too, so go by the manifest and not by `is_installed`.
        chosen = chosen or [m.name for m in catalog.models if store.manifest(m.name) is not None]
        failed = False
        for name in chosen:
            try:
                store.verify(name)
                model = catalog.get(name)
                if model.kind == "encoder" and store.is_installed(name, model.recipe):
                    check_encoder(store.path(name))
                out.print(f"{name}: {say('cli.ok')}", markup=False)
            except ModelMissing as error:
                failed = True
                out.print(f"{name}: {say('cli.absent')}. {error.do}", markup=False)
            except ModelsError as error:
                failed = True
                out.print(f"{name}: {error}", markup=False)
        if not chosen:
            out.print(say("cli.none", folder=store.root), markup=False)
            failed = True
        if failed:
            raise typer.Exit(FAILED)


def _wanted(catalog: Catalog, names: list[str], languages: list[str], err: Console) -> list[str]:
    for language in languages:
        if language not in LANGUAGES:
            err.print(say("cli.language.bad", language=language), markup=False)
            raise typer.Exit(USAGE)
    if not names:
        return list(catalog.defaults(languages))
    return [m.name for m in map(catalog.get, names) if not languages or m.language in {*languages, ""}]


def _show_licences(out: Console, models: tuple[Model, ...]) -> None:
    for model in models:
        line = say("cli.licence", name=model.name, licence=model.licence)
        out.print(f"{line}. {model.licence_note}".rstrip(". ") + ".", markup=False, highlight=False)


def _state(model: Model, store: Store) -> str:
    if store.is_installed(model.name, model.recipe):
        return "installed"
    return "manual" if model.status == "manual" else "available"


def _folders(ctx: typer.Context) -> dict[str, Path]:
    """The Vosk folders that the main program's settings name, by language."""
    return dict(getattr(getattr(ctx.obj, "asr", None), "vosk_models", {}))


def _is_model(folder: Path) -> bool:
    try:
        inspect(folder)
    except ModelsError:
        return False
    return True


def _used(ctx: typer.Context, catalog: Catalog, store: Store) -> dict[str, Model | Path]:
    """What each language's calls would be heard with."""
    engine = getattr(getattr(ctx.obj, "asr", None), "engine", "auto")
    used: dict[str, Model | Path] = {}
    for language in LANGUAGES:
        with contextlib.suppress(EngineUnavailable):
            used[language] = choose(catalog, store, language, engine, _folders(ctx))
    return used


def _as_dicts(ctx: typer.Context, catalog: Catalog, store: Store) -> list[dict[str, object]]:
    used = _used(ctx, catalog, store)
    found = [
        _as_dict(m, store) | {"used": m in used.values() and store.is_installed(m.name, m.recipe)}
        for m in catalog.models
    ]
    return found + [
        {
            "name": folder.name,
            "kind": "asr",
            "engine": "vosk",
            "language": language,
            "state": "folder" if _is_model(folder) else "unusable",
            "path": str(folder),
            "used": used.get(language) == folder,
        }
        for language, folder in _folders(ctx).items()
    ]


def _as_dict(model: Model, store: Store) -> dict[str, object]:
    return {
        "name": model.name,
        "kind": model.kind,
        "engine": model.engine,
        "language": model.language,
        "licence": model.licence,
        "licence_note": model.licence_note,
        "download_bytes": model.source.size,
        "state": _state(model, store),
        "path": str(store.path(model.name)) if store.is_installed(model.name, model.recipe) else None,
    }


@contextlib.contextmanager
def _errors_to_exit_codes(err: Console) -> Iterator[None]:
    try:
        yield
    except ModelsError as error:
        err.print(say("cli.error", error=error), markup=False, highlight=False, soft_wrap=True)
        usage = isinstance(error, UnknownModel | EngineUnavailable)
        code = USAGE if usage else UNREACHABLE if isinstance(error, FetchError) else FAILED
        raise typer.Exit(code) from error


class _Bars:
    """Progress on a terminal: one bar per package."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def progress(self, done: int, total: int, name: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total)
        self._bars.update(self._tasks[name], completed=done, total=total)

    def note(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False)


class _Lines:
    """Progress into a log: one line per tenth of a package."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._tenths: dict[str, int] = {}

    def progress(self, done: int, total: int, name: str) -> None:
        tenth = 10 * done // max(1, total)
        if tenth > self._tenths.get(name, 0):
            self._tenths[name] = tenth
            self.note(f"{name}: {10 * tenth} % ({megabytes(done)} / {megabytes(total)})")

    def note(self, text: str) -> None:
        self._out.print(text, markup=False, highlight=False)


@contextlib.contextmanager
def _reporter(out: Console) -> Iterator[_Bars | _Lines]:
    if not out.is_terminal or out.quiet:
        yield _Lines(out)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=out) as bars:
        yield _Bars(bars)
