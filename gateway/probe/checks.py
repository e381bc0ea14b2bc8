"""What an admin wants to know before the first call: each finding says what was tried, what came of it, what to do."""

import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx

from assist import ports
from assist.certificates import check_certificate
from assist.config import Settings, Tap, Tls, read_secret
from assist.errors import ConfigError
from assist.strings import say
from gateway.edge.presence import entrances, is_wanted, workers
from gateway.probe.ask import Answer, ask
from gateway.probe.options import Target, parse
from gateway.probe.trunks import Mark, Trunks

_SOON_DAYS: Final = 21
_TIMEOUT_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One step. ``remedy`` is empty where nothing needs to be done."""

    mark: Mark
    what: str
    result: str
    remedy: str = ""


class Checks:
    """All steps for these settings, in the language of the settings.

    Args:
        settings: the whole settings.
        peers: further addresses to ask: the PBX's, the SBC's.
    """

    def __init__(self, settings: Settings, peers: Sequence[str] = ()) -> None:
        self._settings = settings
        self._peers = peers

    async def run(self) -> AsyncIterator[Finding]:
        """The findings, each as soon as it is there."""
        settings = self._settings
        if is_wanted(settings):
            for place in entrances(settings):
                yield await self._listener("edge", *place)
        for place in workers(settings):
            yield await self._listener("worker", *place)
        if settings.gateway.tls.port:
            yield self._certificate(settings.gateway.tls)
        trunks = Trunks(settings)
        for trunk in settings.trunk:
            takes = self._say("trunk_takes", networks=", ".join(trunk.allow), agent=trunk.agent or "—")
            yield self._found("ok", "trunk", takes, name=trunk.name)
            if trunk.host:
                target = trunks.target(trunk)
                yield await self._address("trunk_host", trunk.name, target.uri, trunks.context())
            for told in trunks.look(trunk):
                yield Finding(told.mark, *(self._say(key, **told.values) if key else "" for key in told.keys))
        for agent in settings.agent:
            yield await self._address("agent", agent.id, agent.sip)
        for lead in settings.lead:
            yield await self._address("lead", lead.id, lead.sip)
        for peer in self._peers:
            yield await self._address("peer", peer, peer)
        for tap in settings.tap:
            yield await self._tap(tap)

    def _say(self, key: str, **values: object) -> str:
        return say(self._settings.language, f"sip.{key}", **values)

    def _found(self, mark: Mark, key: str, result: str = "", remedy: str = "", **values: object) -> Finding:
        return Finding(mark, self._say(f"what_{key}", **values), result or self._say("fine"), remedy)

    async def _listener(self, key: str, bind: str, port: int) -> Finding:
        host = "127.0.0.1" if bind == "0.0.0.0" else bind
        answer = await ask(Target("", host, port, "udp"), timeout_s=_TIMEOUT_S)
        values = {"address": f"{bind}:{port}"}
        if answer.code:
            return self._found("ok", key, self._say("answers", code=answer.code, ms=round(answer.after_ms)), **values)
        refused = ports.refusal(bind, port, socket.SOCK_DGRAM)
        if refused is None:
            return self._found("warning", key, self._say("port_free"), self._say("do_up"), **values)
        return self._found("failed", key, self._say("port_taken"), self._say("do_port", port=port), **values)

    def _certificate(self, tls: Tls) -> Finding:
        values = {"file": str(tls.certificate)}
        try:
            days = _days(check_certificate(tls.certificate, tls.key, tls.ca).ends)
        except ConfigError as err:
            return self._found("failed", "certificate", str(err), self._say("do_certificate"), **values)
        if days < _SOON_DAYS:
            return self._found(
                "warning", "certificate", self._say("ends_in", days=days), self._say("do_renew"), **values
            )
        return self._found("ok", "certificate", self._say("valid_for", days=days), **values)

    async def _address(self, key: str, name: str, uri: str, tls: ssl.SSLContext | None = None) -> Finding:
        target = parse(uri)
        values = {"name": name, "uri": uri}
        if target is None:
            return self._found("failed", key, self._say("not_sip"), self._say("do_uri"), **values)
        answer = await ask(target, timeout_s=_TIMEOUT_S, tls=tls)
        if answer.trouble is not None:
            result = self._say(f"trouble_{answer.trouble}", detail=answer.detail)
            remedy = self._say(f"do_{answer.trouble}", host=target.host, port=target.port, transport=target.transport)
            return self._found("failed", key, result, remedy, **values)
        return self._answered(key, answer, values)

    def _answered(self, key: str, answer: Answer, values: dict[str, str]) -> Finding:
        result = self._say("answers", code=answer.code, ms=round(answer.after_ms))
        if answer.certificate_ends is not None and _days(answer.certificate_ends) < _SOON_DAYS:
            days = _days(answer.certificate_ends)
            return self._found("warning", key, self._say("ends_in", days=days), self._say("do_renew"), **values)
        if key == "trunk_host" and answer.code in (401, 407):
            return self._found("ok", key, result, **values)  # it wants to know who asks, and will be told in calls
        if answer.code in (401, 407, 403):
            return self._found("warning", key, result, self._say("do_allow_us"), **values)
        if answer.code == 404:
            return self._found("failed", key, result, self._say("do_user"), **values)
        return self._found("ok", key, result, **values)

    async def _tap(self, tap: Tap) -> Finding:
        values = {"name": tap.name, "protocol": tap.protocol}
        try:
            secret = read_secret(tap.secret) if tap.secret else ""
        except ConfigError as err:
            return self._found("failed", "tap", str(err), self._say("do_secret"), **values)
        if tap.protocol != "ari":
            return self._found("ok", "tap", **values)
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
                url = f"{tap.url.rstrip('/')}/asterisk/info"
                response = await http.get(url, auth=(tap.api_key, secret), params={"only": "system"})
        except (httpx.HTTPError, httpx.InvalidURL) as err:
            result = self._say("trouble_unreachable", detail=str(err) or type(err).__name__)
            return self._found("failed", "tap", result, self._say("do_ari", url=tap.url), **values)
        if response.status_code == 401:
            return self._found("failed", "tap", self._say("answers_http", code=401), self._say("do_ari_user"), **values)
        if not response.is_success:
            result = self._say("answers_http", code=response.status_code)
            return self._found("failed", "tap", result, self._say("do_ari", url=tap.url), **values)
        version = str(response.json().get("system", {}).get("version", ""))[:40]
        return self._found("ok", "tap", self._say("asterisk", version=version), **values)


def _days(ends: datetime) -> int:
    return (ends - datetime.now(UTC)).days
