"""What a team lead should look at: a mood that stays low, a critical rule missed or broken."""

from typing import Final, Literal

from assist.decide.kit import Decision, Kit
from assist.decide.sentiment import MOOD_EDGE, customer_turns
from assist.decide.state import SessionState, Stimulus
from assist.events import AlertCleared, AlertRaised, LeadDid
from assist.strings import say

LOW_FOR_S: Final = 30.0
"""Seconds the mood stays below :data:`~assist.decide.state.LOW_TREND` before the lead is called."""
LOW_TURNS: Final = 2
"""Angry turns it takes besides."""
_LOOK_BACK: Final = 8
_LOW_MOOD: Final = "low_mood"


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """Alerts to raise and to clear."""
    decisions: list[Decision] = []
    now = stimulus.at
    opened = {alert.alert_id: alert for alert in state.alerts if alert.open}
    for alert_id, alert in opened.items():
        dismissed = isinstance(stimulus, LeadDid) and stimulus.action == "alert_cleared" and stimulus.target == alert_id
        if dismissed or not _holds(state, alert_id, alert.kind):
            decisions.append((AlertCleared(call_id=state.call_id, at=now, alert_id=alert_id), f"cleared.{alert_id}"))
    low_now = state.live and state.low_since is not None and now - state.low_since >= LOW_FOR_S
    # One angry line before a long identity check is not yet a call in trouble.
    angry = [turn for turn in customer_turns(state, _LOOK_BACK) if kit.mood(turn) < -MOOD_EDGE] if low_now else []
    low_now = len(angry) >= LOW_TURNS
    if low_now and state.sentiment is not None and not any(alert.kind == _LOW_MOOD for alert in opened.values()):
        count = 1 + sum(1 for alert in state.alerts if alert.kind == _LOW_MOOD)
        # Dismissed by the lead in this same low: say nothing more until the mood has recovered once.
        past = [alert.at for alert in state.alerts if alert.kind == _LOW_MOOD]
        if not past or past[-1] < (state.low_since or 0.0):
            reason = say(state.language, "decide.alert_low_mood", trend=f"{state.sentiment.trend:+.2f}")
            alert_id = f"{state.call_id}-{_LOW_MOOD}-{count}"
            decisions.append(_raise(state, alert_id, _LOW_MOOD, "warning", reason, state.sentiment.evidence, now))
    for rule in kit.playbook.rules:
        item = state.checklist.get(rule.id)
        if not rule.critical or item is None or item.state not in ("missed", "forbidden_said"):
            continue
        alert_id = f"{state.call_id}-rule-{rule.id}"
        if not any(alert.alert_id == alert_id for alert in state.alerts):
            reason = say(state.language, f"decide.alert_{item.state}", label=rule.label)
            decisions.append(_raise(state, alert_id, "compliance", "critical", reason, item.evidence, now))
    return decisions


def _holds(state: SessionState, alert_id: str, kind: str) -> bool:
    if kind == _LOW_MOOD:
        return state.live and state.low_since is not None
    item = state.checklist.get(alert_id.removeprefix(f"{state.call_id}-rule-"))
    return item is not None and item.state in ("missed", "forbidden_said")


def _raise(
    state: SessionState,
    alert_id: str,
    kind: str,
    severity: Literal["warning", "critical"],
    reason: str,
    evidence: tuple[str, ...],
    now: float,
) -> Decision:
    event = AlertRaised(
        call_id=state.call_id,
        at=now,
        alert_id=alert_id,
        kind=kind,
        severity=severity,
        reason=reason,
        evidence=evidence,
    )
    return event, f"raised.{alert_id}"
