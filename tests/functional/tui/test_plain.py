"""``apuntador agent --plain`` as a process of its own."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from assist.events import CallEnded, CaseSaved
from tests.fakes import scripted_call
from tests.fakes.scripted_call import CALL
from tests.functional.tui.conftest import Stage, start_of


async def agent(stage: Stage, folder: Path, *arguments: str, token: str | None = None) -> Process:
    """The command, with its token in a file."""
    path = folder / "agent.token"
    await asyncio.to_thread(path.write_text, (stage.token() if token is None else token) + "\n")
    code = "import sys, typer\nfrom assist.cli.main import main\nsys.exit(main())"
    environment = {**os.environ, "APUNTADOR_DATA_DIR": str(folder), "APUNTADOR_TOKEN_FILE": str(path)}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        *("agent", "--url", stage.url, *arguments),
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
    )


async def line_with(process: Process, part: str, timeout: float = 20) -> str:
    """The next line that has ``part``."""
    assert process.stdout is not None
    async with asyncio.timeout(timeout):
        while line := (await process.stdout.readline()).decode():
            if part in line:
                return line
    raise AssertionError(f"the output ended without {part!r}")


async def test_one_line_for_each_event_until_the_case_is_saved(stage: Stage, tmp_path: Path) -> None:
    await stage.play(scripted_call.after_call("es"), call_id="yesterday")
    process = await agent(stage, tmp_path, "--exit-after-case", "--timeout", "60")
    # Something to know by that it listens.
    await stage.play([start_of(CALL)])
    assert "LLAMADA +57 300 555 0188 cola facturación" in await line_with(process, "LLAMADA")
    await stage.play(scripted_call.mid_call("es")[1:])
    assert "~ Cliente: Son ochenta y nueve mil" in await line_with(process, "~")
    await stage.play(scripted_call.after_call("es")[len(scripted_call.mid_call("es")) :])
    out, err = await asyncio.wait_for(process.communicate(), 20)
    text = out.decode()
    assert process.returncode == 0, err.decode()
    assert "FIN DE LA LLAMADA" in text
    assert "RESUMEN Valor: 89.900 pesos." in text
    assert "RESUMEN Tipificación: Reclamo abierto" in text
    assert "CUMPLIMIENTO ✗ Ofrecer radicado" in text
    assert "ÁNIMO Cliente: + positivo, mejora" in text
    assert text.rstrip().endswith("CASO AP-2026-000123") or "enviado a helpdesk" in text


@pytest.mark.parametrize("missing", [CallEnded, CaseSaved])
async def test_it_fails_when_the_case_does_not_come(stage: Stage, tmp_path: Path, missing: type) -> None:
    events = [event for event in scripted_call.after_call("es") if not isinstance(event, missing)]
    process = await agent(stage, tmp_path, "--call", CALL, "--exit-after-case", "--timeout", "3")
    await stage.play(events)
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode not in (0, None)
    assert "3 s" in err.decode()
    assert "Traceback" not in err.decode()


async def test_a_refused_token_is_explained(stage: Stage, tmp_path: Path) -> None:
    process = await agent(stage, tmp_path, "--plain", token="apt_wrong")
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode not in (0, None)
    assert "apuntador token create" in err.decode()
    assert "Traceback" not in err.decode()


async def test_a_reader_that_goes_away_is_no_error(stage: Stage, tmp_path: Path) -> None:
    process = await agent(stage, tmp_path, "--plain")
    await stage.play([start_of(CALL)])
    await line_with(process, "LLAMADA")
    transport = process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
    transport.close()
    await stage.play(scripted_call.after_call("es")[1:])
    await asyncio.wait_for(process.wait(), 20)
    assert process.stderr is not None
    assert b"Traceback" not in await process.stderr.read()
