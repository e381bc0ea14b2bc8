"""``apuntador playbook learn``: which card comes next, learnt from what agents took and said in the stored calls."""

from typing import Annotated, Final

import pydantic_core
import typer

from assist.cli.history import reading, settings_of
from assist.config import Settings
from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.events import Language
from assist.session.encoder import installed_encoder
from assist.session.history import Moment, moments
from assist.session.learn import Report, learn_from
from assist.session.learned import save_learned
from assist.session.playbooks import load_playbooks
from assist.session.taxonomies import load_taxonomies
from assist.store.reader import list_cases, read_case
from assist.strings import say

EXIT_NO_BETTER: Final = 1


def learn(
    ctx: typer.Context,
    language: Annotated[str, typer.Option("--language", "-l", help="es or en; default: the settings' language.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Newest cases to read.")] = 5000,
    force: Annotated[
        bool, typer.Option("--force", help="Write it even where it is no better than the playbook.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON.")] = False,
) -> None:
    """Learn which card comes next from the stored cases, print how good that is on the newest, write a new version.

    Example: apuntador --config /etc/apuntador/apuntador.toml playbook learn
    """
    settings = settings_of(ctx)
    if language not in ("", "es", "en"):
        raise typer.BadParameter("es, en", param_hint="--language")
    spoken: Language = "en" if language == "en" or (not language and settings.language == "en") else "es"
    playbook = load_playbooks(settings)[spoken]
    kit = Kit(playbook, LexiconBaseline(), meaning=installed_encoder(settings.models_path))
    everyday = [line for taxonomy in load_taxonomies(settings)[spoken] for line in taxonomy.background or ()]
    encode = kit.rows if kit.meaning is not None else None
    model, report = learn_from(_cases(settings, spoken, limit, kit), playbook, encode, everyday)
    if as_json:
        typer.echo(pydantic_core.to_json(report, indent=2).decode())
    else:
        _print(report, settings.language)
    if not report.better and not force:
        typer.echo(say(settings.language, "learn.no_better"), err=True)
        raise typer.Exit(EXIT_NO_BETTER)
    path = save_learned(model, settings, spoken)
    typer.echo(say(settings.language, "learn.written", path=path), err=as_json)


def _cases(settings: Settings, language: Language, limit: int, kit: Kit) -> list[list[Moment]]:
    """The moments of each case in this language, the oldest case first."""
    with reading(settings) as connection:
        rows = [row for row in list_cases(connection, limit=limit) if row["language"] == language]
        return [moments(read_case(connection, str(row["case_id"])), kit) for row in reversed(rows)]


def _print(report: Report, language: Language) -> None:
    typer.echo(say(language, "learn.from", cases=report.cases, moments=report.moments, acted=report.acted))
    typer.echo("  " + ", ".join(f"{card} {number}" for card, number in report.cards))
    typer.echo(say(language, "learn.held_out", number=report.held_out))
    for key in ("learnt", "playbook", "popular"):
        figures = getattr(report, key)
        name = say(language, f"learn.by_{key}")
        typer.echo(
            "  " + say(language, "learn.figures", name=name, first=f"{figures.first:.0%}", three=f"{figures.three:.0%}")
        )
    typer.echo(
        say(
            language,
            "learn.floor",
            floor=f"{report.floor:.2f}",
            told=f"{report.told:.0%}",
            precision=f"{report.precision:.0%}",
        )
    )
