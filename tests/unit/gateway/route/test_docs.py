"""The settings in docs/trunks.md are right, and do what the page says."""

import re
from pathlib import Path

import pytest

from assist import config
from gateway.route.plan import decide

PAGE = Path(__file__).parents[4] / "docs" / "trunks.md"


@pytest.mark.parametrize(
    ("trunk", "number", "goals", "direction"),
    [
        ("carrier", "+576015551234", ["agent:ana", "trunk:pbx"], "inbound"),
        ("pbx", "0034912345678", [], "outbound"),
        ("pbx", "93001234567", ["trunk:carrier"], "outbound"),
        ("pbx", "9123", ["trunk:carrier"], "outbound"),
        ("pbx", "96019001234", [], "outbound"),
        ("pbx", "500", ["agent:ana"], "inbound"),
    ],
)
def test_the_page_can_be_copied(tmp_path: Path, trunk: str, number: str, goals: list[str], direction: str) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = tmp_path / "apuntador.toml"
    path.write_text(
        "".join(blocks).replace(', "trunk:spare"', "")
        + '[[agent]]\nid = "ana"\nsip = "sip:ana@10.0.0.31"\nqueues = ["ventas"]\n'
    )
    settings = config.load(path)
    source = next(one for one in settings.trunk if one.name == trunk)
    plan = decide(settings, source, number, "")
    assert [target.goal for target in plan.targets] == goals
    assert plan.direction == direction
    if "trunk:pbx" in goals:
        assert plan.targets[1].uri == "sip:600@10.0.0.5:5060"
