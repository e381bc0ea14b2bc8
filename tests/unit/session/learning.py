"""The learning command as a person calls it."""

import typer
from typer.testing import CliRunner, Result

from assist.cli import playbook as playbook_cli
from assist.cli.learn import learn as learn_command
from assist.config import Settings


def run(settings: Settings, *args: str) -> Result:
    """``apuntador playbook learn`` with ``args``."""
    app = typer.Typer()
    app.command()(learn_command)
    app.command("other")(playbook_cli.check)
    return CliRunner().invoke(app, ["learn", *args], obj=settings)
