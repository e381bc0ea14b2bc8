"""Sending an OPTIONS and waiting for its answer, over UDP, TCP or TLS."""

import asyncio
import contextlib
import secrets
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from gateway.probe.options import Target, request, status

Trouble: TypeAlias = Literal["name", "refused", "unreachable", "silent", "tls", "nonsense"]

_FIRST_RETRY_S: Final = 0.5
"""T1 of RFC 3261, section 17.1.2: a request over UDP is sent again after 0.5, 1, 2 … s."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: a status with its delay, or what went wrong, with the system's own words in ``detail``."""

    code: int = 0
    after_ms: float = 0.0
    trouble: Trouble | None = None
    detail: str = ""
    certificate_ends: datetime | None = None


async def ask(target: Target, *, timeout_s: float = 3.0, tls: ssl.SSLContext | None = None) -> Answer:
    """Ask ``target``; never raises for what the network does. ``tls``: whom to trust and what to show, by TLS."""
    loop = asyncio.get_running_loop()
    try:
        kind = socket.SOCK_DGRAM if target.transport == "udp" else socket.SOCK_STREAM
        found = await loop.getaddrinfo(target.host, target.port, type=kind)
    except OSError as err:
        return Answer(trouble="name", detail=str(err.strerror or err))
    address = found[0][4]
    began = time.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            if target.transport == "udp":
                code, ends = await _by_udp(target, address)
            else:
                code, ends = await _by_stream(target, address, tls)
    except TimeoutError:
        return Answer(trouble="silent")
    except ssl.SSLError as err:
        return Answer(trouble="tls", detail=err.reason or str(err))
    except ConnectionRefusedError:
        return Answer(trouble="refused")
    except OSError as err:
        return Answer(trouble="unreachable", detail=err.strerror or str(err))
    if not code:
        return Answer(trouble="nonsense")
    return Answer(code, (time.monotonic() - began) * 1000, certificate_ends=ends)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, token: str) -> None:
        self._token = token
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        code = status(data, self._token)
        if code is not None and not self.code.done():
            self.code.set_result(code)

    def error_received(self, exc: Exception) -> None:
        if not self.code.done():
            self.code.set_exception(exc)


async def _by_udp(target: Target, address: Any) -> tuple[int, datetime | None]:
    token = secrets.token_hex(8)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _Datagrams(token), remote_addr=address[:2])
    try:
        message = request(target, transport.get_extra_info("sockname")[:2], token)
        wait = _FIRST_RETRY_S
        while True:
            transport.sendto(message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    return await asyncio.shield(protocol.code), None
            wait *= 2
    finally:
        protocol.code.cancel()
        transport.close()


async def _by_stream(target: Target, address: Any, tls: ssl.SSLContext | None) -> tuple[int, datetime | None]:
    token = secrets.token_hex(8)
    context = (tls or ssl.create_default_context()) if target.transport == "tls" else None
    reader, writer = await asyncio.open_connection(
        address[0], address[1], ssl=context, server_hostname=target.host if context else None
    )
    try:
        ends = _certificate_ends(writer)
        writer.write(request(target, writer.get_extra_info("sockname")[:2], token))
        while True:
            try:
                message = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                return 0, ends
            code = status(message, token)
            if code is not None:
                return code, ends
    finally:
        writer.close()


def _certificate_ends(writer: asyncio.StreamWriter) -> datetime | None:
    certificate = writer.get_extra_info("peercert") or {}
    ends = certificate.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None
