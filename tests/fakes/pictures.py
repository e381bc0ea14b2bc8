"""The pictures in the documentation, from the real screen: ``python -m tests.fakes.pictures``."""

import asyncio
import os
import re
from pathlib import Path

from assist.events import Language
from tests.fakes import scripted_call
from tests.fakes.scripted_feed import connected
from tui.agent import AgentApp

SIZE = (100, 30)


async def picture(language: Language) -> str:
    """SVG of the screen in the middle of the call."""
    now = scripted_call.START + 46
    app = AgentApp(connected(scripted_call.mid_call(language), now=now), language, clock=lambda: now)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await pilot.pause()
        return _without_web_fonts(app.export_screenshot(title="apuntador agent"))


def _without_web_fonts(svg: str) -> str:
    # A picture in a document must fetch nothing from anybody; the viewer's own fixed-width font does.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def main() -> None:
    """Write ``docs/agent-screen.<language>.svg``."""
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
    os.environ.pop("NO_COLOR", None)
    languages: tuple[Language, ...] = ("es", "en")
    for language in languages:
        Path(f"docs/agent-screen.{language}.svg").write_text(asyncio.run(picture(language)), encoding="utf-8")


if __name__ == "__main__":
    main()
