"""Who may see a call and do something in it. Pure."""

from assist.errors import AuthError
from assist.events import AgentDid, LeadDid
from assist.hub.auth import Principal


def may_see(principal: Principal, agent_id: str | None) -> bool:
    """Whether a call of ``agent_id`` (None: not known yet) is shown to ``principal``."""
    return principal.role in ("lead", "admin") or agent_id == principal.subject


def check_do(principal: Principal, event: AgentDid | LeadDid, agent_id: str | None) -> None:
    """Whether ``principal`` may do ``event`` in a call of ``agent_id``.

    Raises:
        AuthError: not their role, not their name, or not their call.
    """
    if isinstance(event, AgentDid):
        if principal.role != "agent":
            raise AuthError(f"a {principal.role} can't act as an agent; use a token with --role agent")
        if event.agent_id != principal.subject:
            raise AuthError(f"this token is for {principal.subject!r}, not for {event.agent_id!r}")
        if agent_id != principal.subject:
            raise AuthError(f"call {event.call_id} is not yours")
        return
    if principal.role == "agent":
        raise AuthError("an agent can't act as a team lead; use a token with --role lead")
    if event.lead_id != principal.subject:
        raise AuthError(f"this token is for {principal.subject!r}, not for {event.lead_id!r}")
