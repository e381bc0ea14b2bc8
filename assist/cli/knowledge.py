"""``apuntador knowledge``: read the company's articles and try what they answer."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from assist.config import Settings
from assist.errors import ConfigError, KnowledgeError
from assist.events import Language
from assist.knowledge.library import Library, refresh
from assist.knowledge.search import Found
from assist.strings import say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

EXIT_NOTHING = 1

_Folder = Annotated[Path | None, typer.Option("--folder", help="Folder of articles; default knowledge.folder.")]


@app.command()
def index(
    ctx: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="Folder of articles; default knowledge.folder.")] = None,
) -> None:
    """Read the articles of a folder (Markdown, HTML, CSV, text) and say what can't be used.

    Only what changed since the last time is read again. Exit code 1 when there is nothing to search.

    Example: apuntador knowledge index /srv/articles
    """
    settings: Settings = ctx.obj
    library = _library(settings, folder)
    if library.unsaved:
        raise KnowledgeError(library.unsaved, retryable=True)
    language = settings.language
    counts = {"files": library.files, "passages": len(library.knowledge.passages), "changed": library.changed}
    typer.echo(say(language, "knowledge.read", **counts))
    for skipped in library.skipped:
        reason = say(language, f"knowledge.problem_{skipped.problem}", detail=skipped.detail)
        typer.echo(say(language, "knowledge.skipped", file=skipped.file, reason=reason), err=True)
    if library.unread:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(library.unread.items())[:20])
        typer.echo(say(language, "knowledge.unread", kinds=kinds), err=True)
    if not library.knowledge.passages:
        raise typer.Exit(EXIT_NOTHING)


@app.command()
def search(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="A question, or what a customer says.")],
    folder: _Folder = None,
    in_language: Annotated[str, typer.Option("--language", help="es or en; default: found out.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=50, help="Most passages.")] = 3,
    unsure: Annotated[bool, typer.Option("--unsure", help="Also what would not be shown in a call.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Quote the passages that answer. Exit code 1 when none is sure to.

    Example: apuntador knowledge search "me han cobrado dos veces" --folder /srv/articles
    """
    settings: Settings = ctx.obj
    if in_language not in ("", "es", "en"):
        raise ConfigError(say(settings.language, "knowledge.bad_language", given=in_language))
    asked: Language | None = "es" if in_language == "es" else "en" if in_language == "en" else None
    library = _library(settings, folder)
    if library.unsaved:
        typer.echo(library.unsaved, err=True)
    found = library.knowledge.search(query, asked, limit=limit, unsure=unsure)
    if as_json:
        typer.echo(json.dumps([_as_dict(one) for one in found], ensure_ascii=False, indent=1))
    for one in () if as_json else found:
        for line in _lines(settings.language, one):
            typer.echo(line)
    if not found:
        if not as_json:
            typer.echo(say(settings.language, "knowledge.nothing"), err=True)
        raise typer.Exit(EXIT_NOTHING)


def _library(settings: Settings, folder: Path | None) -> Library:
    from models.text.registry import open_e5

    folder = folder or settings.knowledge.folder
    if folder is None:
        raise ConfigError(say(settings.language, "knowledge.no_folder"))
    encoder = open_e5(settings.models_path)

    def progress(done: int, total: int, name: str) -> None:
        if sys.stderr.isatty():
            typer.echo(say(settings.language, "knowledge.reading", done=done + 1, total=total, file=name), err=True)

    return refresh(folder, settings.data_dir / "knowledge", encoder, progress)


def _lines(language: Language, one: Found) -> list[str]:
    """The passage as it stands, between lines that say where it stands."""
    passage = one.passage
    title = " › ".join(part for part in (passage.title, passage.heading) if part)
    mark = "" if one.sure else say(language, "knowledge.unsure")
    place = f"{_shown(passage.file)}:{passage.line}"
    quoted = [f"  | {_shown(line)}" for line in passage.text.splitlines()]
    return [f"{_shown(title)}  ({place}, {one.confidence:.0%}){mark}", *quoted, ""]


def _shown(text: str) -> str:
    """Without control characters: an article must not steer the terminal."""
    return "".join(ch if ch.isprintable() else " " for ch in text)


def _as_dict(one: Found) -> dict[str, object]:
    passage = one.passage
    return {
        "title": passage.title,
        "heading": passage.heading,
        "file": passage.file,
        "line": passage.line,
        "language": passage.language,
        "text": passage.text,
        "confidence": round(one.confidence, 3),
        "sure": one.sure,
    }
