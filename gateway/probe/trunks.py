"""What can be told of a trunk without a call: where it is, its secret, its registration, how safe its audio is."""

import json
import os
import ssl
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from assist.config import Settings, Trunk, read_secret
from assist.errors import ConfigError
from gateway.probe.options import Target, parse
from gateway.registration import lines_file, registrar_of

Mark: TypeAlias = Literal["ok", "warning", "failed"]
_REMEDY: Final = {"registered": "", "trying": "do_up", "refused": "do_credentials", "failed": "do_registrar"}


@dataclass(frozen=True, slots=True)
class Told:
    """One finding; ``keys`` are those of its sentences (what, result, remedy or empty), ``values`` fill all of them."""

    mark: Mark
    keys: tuple[str, str, str]
    values: dict[str, Any] = field(default_factory=dict)


class Trunks:
    """The trunks of these settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def target(self, trunk: Trunk) -> Target:
        """Where its host is asked."""
        more = "" if trunk.transport == "udp" else f";transport={trunk.transport}"
        target = parse(f"sip:{trunk.host}{more}")
        return target or Target("", trunk.host, 5060, trunk.transport)

    def context(self) -> ssl.SSLContext | None:
        """Whom a TLS trunk is believed and what we show it; None without certificates that can be read."""
        tls = self._settings.gateway.tls
        if not tls.port or tls.certificate is None:
            return None
        try:
            context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
            context.load_cert_chain(tls.certificate, tls.key)
        except (OSError, ssl.SSLError):
            return None  # said where the certificate is looked at
        if not tls.verify_server:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def look(self, trunk: Trunk) -> list[Told]:
        """What to say about it."""
        told: list[Told] = []
        values: dict[str, Any] = {"name": trunk.name}
        if trunk.secret:
            try:
                read_secret(trunk.secret)
            except ConfigError as err:
                told.append(Told("failed", ("what_trunk", "error", "do_secret"), {**values, "error": str(err)}))
        if trunk.registration:
            told.append(self._registration(trunk))
        if trunk.srtp != "off" and trunk.transport != "tls":
            told.append(Told("warning", ("what_trunk", "keys_in_clear", "do_tls_for_srtp"), values))
        return told

    def _registration(self, trunk: Trunk) -> Told:
        worker = registrar_of(self._settings)[trunk.name]
        values: dict[str, Any] = {"name": trunk.name, "worker": worker, "code": 0, "user": trunk.user}
        try:
            said = json.loads(lines_file(self._settings.run_dir, worker).read_text())
            os.kill(int(said["pid"]), 0)  # what one that is gone has said is no more true
            standing = said["registrations"][trunk.name]
            state, values["code"] = str(standing["state"]), int(standing["code"])
        except (OSError, ValueError, KeyError, TypeError):
            state = "trying"
        mark: Mark = "ok" if state == "registered" else "warning" if state == "trying" else "failed"
        remedy = _REMEDY.get(state, "do_up")
        return Told(mark, ("what_registration", f"registration_{state}", remedy), values)
