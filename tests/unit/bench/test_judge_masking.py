"""The masking bench judges what it says: a secret that shows is a leak, a reference that is hidden is a loss."""

import pytest

from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.events import FactHeard
from assist.session.playbooks import packaged_playbook
from bench.judge import masking


@pytest.mark.parametrize("spoken", [False, True])
def test_lines_are_the_same_every_time_and_name_their_number(spoken: bool) -> None:
    told = masking.lines("es", "card", spoken=spoken)
    assert told == masking.lines("es", "card", spoken=spoken)
    assert len({one.digits for one in told}) == len(told)
    assert all(masking._luhn(one.digits) and len(one.digits) == 16 for one in told)
    shown = told[0].text[told[0].start : told[0].end]
    assert (not any(map(str.isdigit, shown))) if spoken else shown.replace(" ", "") == told[0].digits


def test_a_leak_and_a_hidden_reference_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaks(told: masking.Told, kit: Kit) -> list[FactHeard]:
        text = told.digits[:6] if told.kind == "card" else "••••"
        return [
            FactHeard(
                call_id="m",
                at=1,
                fact_id="f",
                party="customer",
                kind="number",
                label="",
                value=text,
                text=text,
                spoken="",
                evidence=("x",),
            )
        ]

    monkeypatch.setattr(masking, "decided", leaks)
    kit = Kit(packaged_playbook("en"), LexiconBaseline())
    card = list(masking._ours(masking.lines("en", "card", spoken=False)[:3], kit))
    assert [(row.metric, row.value) for row in card] == [("recorder told to pause", 0.0), ("masked", 0.0)]
    reference = list(masking._ours(masking.lines("en", "reference", spoken=False)[:3], kit))
    assert [(row.metric, row.value) for row in reference] == [("kept", 0.0)]
