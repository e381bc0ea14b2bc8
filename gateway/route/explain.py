"""Why a call goes where it goes, step by step, for ``apuntador sip route-test``. Pure.

The decision itself is :func:`gateway.route.plan.decide`'s; the steps only tell how it came about.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from assist import dial
from assist.config import Route, Settings, Trunk
from gateway.route.fence import Verdict
from gateway.route.plan import Plan, decide

Mark: TypeAlias = Literal["ok", "no", "failed", "info"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``key`` names its sentence in the catalogue (``route.<key>``), ``values`` fill it in."""

    mark: Mark
    key: str
    values: dict[str, Any] = field(default_factory=dict)


def explain(settings: Settings, trunk: Trunk, dialled: str, caller: str) -> tuple[Plan, list[Step]]:
    """The plan for a call and the steps to it; arguments as for ``decide``."""
    plan = decide(settings, trunk, dialled, caller)
    steps = [Step("info", "call", {"number": dialled, "trunk": trunk.name, "caller": caller or "—"})]
    for number, route in enumerate(settings.route, 1):
        why = _misfit(route, trunk, dialled, caller)
        if why is not None:
            steps.append(Step("no", why.key, {"rule": number, **why.values}))
            continue
        steps.append(Step("ok", "fits", {"rule": number, "to": ", ".join(route.to)}))
        if route.strip:
            steps.append(Step("info", "stripped", {"strip": route.strip, "after": dialled[route.strip :]}))
        if route.prepend:
            steps.append(Step("info", "prepended", {"prepend": route.prepend, "after": plan.dialled}))
        break
    else:
        steps.append(Step("info", "no_rule" if settings.route else "no_rules", {"agent": trunk.agent or "—"}))
    for name, verdict in plan.judged:
        steps += _fence(next(one for one in settings.trunk if one.name == name), verdict)
    steps += _end(plan)
    return plan, steps


def as_json(plan: Plan, steps: list[Step]) -> dict[str, Any]:
    """Both as plain data; ``steps`` keep their keys, which do not change with the language."""
    return {
        "goes": not plan.code,
        "code": plan.code,
        "rule": plan.rule,
        "direction": plan.direction,
        "queue": plan.queue,
        "agent": plan.agent,
        "dialled": plan.dialled,
        "targets": [asdict(target) for target in plan.targets],
        "fence": [{"trunk": name, **asdict(verdict), "passes": verdict.passes} for name, verdict in plan.judged],
        "steps": [asdict(step) for step in steps],
    }


def _misfit(route: Route, trunk: Trunk, dialled: str, caller: str) -> Step | None:
    if route.trunk and trunk.name not in route.trunk:
        return Step("no", "other_trunk", {"trunks": ", ".join(route.trunk)})
    if not dial.compile_pattern(route.number)(dialled):
        return Step("no", "other_number", {"pattern": route.number})
    if not dial.compile_pattern(route.caller)(caller):
        return Step("no", "other_caller", {"pattern": route.caller})
    return None


def _fence(trunk: Trunk, verdict: Verdict) -> Iterator[Step]:
    values = {"trunk": trunk.name, "read": verdict.read, "rule": verdict.rule, "number": verdict.number}
    values |= {"country": trunk.country or "—", "allow": ", ".join(trunk.outbound.allow) or "—"}
    yield Step("ok" if verdict.passes else "failed", f"fence_{verdict.why}", values)
    if verdict.passes:
        limits = {"calls": trunk.outbound.max_calls, "minute": trunk.outbound.max_per_minute}
        yield Step("info", "caps", {"trunk": trunk.name, **limits})


def _end(plan: Plan) -> Iterator[Step]:
    if plan.code:
        yield Step("failed", "refused", {"code": plan.code})
        return
    for target in plan.targets:
        shown = target.shown or "—"
        yield Step(
            "ok", "rings_as" if target.shown else "rings", {"goal": target.goal, "uri": target.uri, "shown": shown}
        )
    key = f"counts_{plan.direction}"
    yield Step("info", key, {"queue": plan.queue or "—", "agent": plan.agent or "—"})
