"""`apuntador sip route-test`: a story in either language, and the same as data."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from assist.config import Settings
from gateway.cli import app
from tests.unit.gateway.route.test_plan import BASE

ROUTES = [
    {"trunk": ["carrier"], "to": ["queue:ventas"]},
    {"number": "/9\\d{7,}/", "strip": 1, "to": ["trunk:carrier"]},
    {"number": "8", "strip": 1, "prepend": "+", "to": ["trunk:carrier"]},
    {"caller": "+1", "to": ["refuse"]},
]


def run(*arguments: str, language: str = "en", **change: Any) -> tuple[int, str]:
    settings = Settings.model_validate({**BASE, "route": ROUTES, "language": language, **change})
    result = CliRunner().invoke(app, ["route-test", *arguments], obj=settings)
    return result.exit_code, result.output


def test_an_outbound_call_step_by_step() -> None:
    code, text = run("93001234567", "--trunk", "pbx", "--from", "luis")
    assert code == 0
    lines = text.splitlines()
    assert [line[0] for line in lines] == [" ", "·", "✓", " ", "✓", " ", "✓", " "]
    assert "Rule 1 is for trunk carrier" in lines[1]
    assert "understood as +573001234567, allowed by +57; sent as +573001234567" in lines[4]
    assert "sip:+573001234567@sip.example.com;transport=tls, which sees +576015551234" in lines[6]
    assert lines[7].endswith("who is called is the customer; queue general, agent luis")


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["834912345678"], 1, "+34912345678"),
        (["900441632960000"], 1, "00441632960000"),
        (["100", "--from", "+12125551234"], 1, "403"),
        (["100"], 0, "agent:ana"),
        (["100", "--trunk", "carrier"], 0, "agent:luis"),
        (["100", "--trunk", "spare"], 1, "404"),
        (["100", "--trunk", "none"], 2, "pbx, carrier, spare"),
        (["sip:x"], 2, "sip:x"),
        (["1" * 33], 2, "32"),
    ],
)
def test_every_end_is_told(language: str, arguments: list[str], code: int, expected: str) -> None:
    given, text = run(*arguments, language=language)
    assert (given, expected in text) == (code, True), text


def test_without_trunks() -> None:
    assert run("100", trunk=[], route=[])[0] == 2


def test_the_same_as_data() -> None:
    code, text = run("834912345678", "--json")
    data = json.loads(text)
    assert code == 1
    assert (data["goes"], data["code"], data["rule"], data["dialled"]) == (False, 403, 3, "+34912345678")
    assert data["fence"] == [
        {"trunk": "carrier", "why": "not_allowed", "number": "", "read": "+34912345678", "rule": "", "passes": False}
    ]
    assert data["steps"][-1] == {"mark": "failed", "key": "refused", "values": {"code": 403}}
