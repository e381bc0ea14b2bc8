"""What must fit together among the settings, beyond each value."""

from collections.abc import Mapping

from assist.config.settings import Settings
from assist.config.telephony import SCALES, Survey, Tap, Trunk
from assist.errors import ConfigError


def cross_check(settings: Settings, where: str) -> None:
    ids = [agent.id for agent in settings.agent]
    for trunk in settings.trunk:
        if trunk.agent and trunk.agent not in ids:
            raise ConfigError(f"{where}: trunk {trunk.name!r} routes to agent {trunk.agent!r}, who is in no [[agent]]")
        wrong = _wrong_trunk(trunk, settings)
        if wrong:
            raise ConfigError(f"{where}: trunk {trunk.name!r}: {wrong}")
    _check_routes(settings, where)
    if len(set(ids)) != len(ids):
        raise ConfigError(f"{where}: two [[agent]] have the same id")
    if (settings.edge.certificate is None) != (settings.edge.key is None):
        raise ConfigError(f"{where}: edge.certificate and edge.key belong together; give both or neither")
    leads = [lead.id for lead in settings.lead]
    if len(set(leads)) != len(leads):
        raise ConfigError(f"{where}: two [[lead]] have the same id")
    _check_survey(settings.survey, where)
    inner = range(settings.edge.inner_port, settings.edge.inner_port + settings.gateway.workers + 1)
    taken = {"gateway.port": settings.gateway.port, "edge.tls_port": settings.edge.tls_port}
    for key, port in taken.items() if settings.edge.mode != "off" else ():
        if port in inner:
            raise ConfigError(f"{where}: {key} is among the workers' ports {inner[0]} to {inner[-1]}: edge.inner_port")
    if inner[-1] > 65535:
        raise ConfigError(f"{where}: edge.inner_port leaves no ports for {settings.gateway.workers} workers; lower it")
    for tap in settings.tap:
        if tap.agent not in ids:
            raise ConfigError(f"{where}: tap {tap.name!r} routes to agent {tap.agent!r}, who is in no [[agent]]")
        lacking = _lacking(tap)
        if lacking:
            raise ConfigError(f"{where}: tap {tap.name!r} speaks {tap.protocol}, which needs {lacking}")
        if tap.protocol == "ari" and settings.taps.bind in ("0.0.0.0", "::"):
            raise ConfigError(
                f"{where}: tap {tap.name!r}: taps.bind must be the address Asterisk can reach, not {settings.taps.bind}"
            )
    names = [tap.name for tap in settings.tap]
    if len(set(names)) != len(names):
        raise ConfigError(f"{where}: two [[tap]] have the same name")
    if (settings.taps.certificate is None) != (settings.taps.key is None):
        raise ConfigError(f"{where}: taps.certificate and taps.key belong together; give both or neither")


def _check_survey(survey: Survey, where: str) -> None:
    names = [question.id for question in survey.question]
    if len(set(names)) != len(names):
        raise ConfigError(f"{where}: two [[survey.question]] have the same id")
    for question in survey.question:
        low, high = question.scale
        if low >= high:
            raise ConfigError(f"{where}: survey question {question.id!r} goes from {low} to {high}; low must be less")
        if question.scale != SCALES[question.kind] and not question.prompt:
            raise ConfigError(
                f"{where}: survey question {question.id!r} has a scale of its own, so it needs a prompt that says it"
            )


def _wrong_trunk(trunk: Trunk, settings: Settings) -> str:
    if trunk.registration and not trunk.host:
        return "registration needs the host to register with"
    if (trunk.registration or trunk.challenge) and not (trunk.user and trunk.secret):
        what = "registration" if trunk.registration else "challenge"
        return f'{what} needs user and secret, such as secret = "file:/etc/apuntador/{trunk.name}.secret"'
    if trunk.identity == "pai" and not trunk.user:
        return "identity pai needs user, which then stands in From"
    if trunk.transport == "tls" and not settings.gateway.tls.port and settings.edge.certificate is None:
        return "transport tls needs [gateway.tls] with a port, certificate and key, or a certificate of the [edge]"
    if trunk.outbound.allow and not trunk.host:
        return "outbound.allow needs the host that calls are sent to"
    return ""


def _check_routes(settings: Settings, where: str) -> None:
    trunks = {trunk.name: trunk for trunk in settings.trunk}
    if len(trunks) < len(settings.trunk):
        raise ConfigError(f"{where}: two [[trunk]] have the same name")
    tls = settings.gateway.tls
    if tls.port and not (tls.certificate and tls.key):
        raise ConfigError(f"{where}: gateway.tls.port needs gateway.tls.certificate and gateway.tls.key")
    if tls.port and (tls.verify_client or tls.verify_server) and tls.ca is None:
        raise ConfigError(
            f"{where}: gateway.tls.ca must name the authorities that peers are checked by (on Debian "
            "/etc/ssl/certs/ca-certificates.crt), or verify_server and verify_client be false"
        )
    for number, route in enumerate(settings.route, 1):
        lost = [name for name in route.trunk if name not in trunks]
        if lost:
            raise ConfigError(f"{where}: route {number}: no [[trunk]] has the name {lost[0]!r}")
        if not route.to:
            raise ConfigError(f"{where}: route {number}: `to` names nobody")
        for goal in route.to:
            wrong = _wrong_goal(settings, trunks, goal)
            if wrong:
                raise ConfigError(f"{where}: route {number}: {wrong}")
        if route.agent and route.agent not in [agent.id for agent in settings.agent]:
            raise ConfigError(f"{where}: route {number}: agent {route.agent!r} is in no [[agent]]")
        if "refuse" in route.to and len(route.to) > 1:
            raise ConfigError(f"{where}: route {number}: refuse stands alone")


def _wrong_goal(settings: Settings, trunks: Mapping[str, Trunk], goal: str) -> str:
    kind, _, name = goal.partition(":")
    if kind == "agent" and name not in [agent.id for agent in settings.agent]:
        return f"{goal}: no [[agent]] has that id"
    if kind == "queue" and not any(name in agent.queues for agent in settings.agent):
        return f"{goal}: no [[agent]] has it in `queues`"
    if kind == "trunk" and name not in trunks:
        return f"{goal}: no [[trunk]] has that name"
    if kind == "trunk" and not trunks[name].host:
        return f"{goal}: that trunk has no host to send calls to"
    if kind == "trunk" and not trunks[name].outbound.allow:
        return f"{goal}: nothing may be called there; say what in its outbound.allow"
    return ""


def _lacking(tap: Tap) -> str:
    if tap.protocol == "audiosocket":
        return "" if tap.port else "a port of its own"
    if not tap.secret:
        return f'a secret, such as secret = "file:/etc/apuntador/{tap.name}.secret"'
    if tap.protocol == "ari" and not (tap.api_key and tap.url.startswith(("http://", "https://"))):
        return "the url of ARI (http://…/ari) and the api_key, which is ARI's user"
    if tap.protocol == "audiohook" and not tap.api_key:
        return "the api_key of the integration"
    if tap.protocol == "twilio" and not tap.url:
        return "the url that Twilio connects to"
    return ""
