"""``apuntador config``: the references that are generated from the code."""

import json
from pathlib import Path
from typing import Annotated

import typer

from assist import config as settings_module
from assist import wire

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command()
def reference(out: Annotated[Path | None, typer.Option("-o", help="File to write; default prints.")] = None) -> None:
    """Every setting with its default, as Markdown (docs/configuration.md)."""
    _write(settings_module.reference(), out)


@app.command()
def schema(out: Annotated[Path | None, typer.Option("-o", help="File to write; default prints.")] = None) -> None:
    """JSON Schema of the events (docs/events.schema.json)."""
    _write(json.dumps(wire.json_schema(), indent=1, ensure_ascii=False) + "\n", out)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
