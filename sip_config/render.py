"""Fills in the templates of a folder.

``@NAME@`` is replaced; what stands between ``@each worker@`` and ``@end@`` is repeated for each gateway worker, with
``@N@`` (from 0), ``@PORT@`` and ``@TLS_PORT@`` of its own. Other blocks (``@each trunk@``) are repeated for each entry
that is given, with the entry's values; without any they are left out. Anything else is the PBX's and stays as it is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final, TypeAlias

_EACH: Final = re.compile(r"^[^\n]*@each ([a-z]+)@[^\n]*\n(.*?)^[^\n]*@end@[^\n]*\n", re.MULTILINE | re.DOTALL)
_MARK: Final = re.compile(r"@([A-Z][A-Z_0-9]*)@")

Blocks: TypeAlias = Mapping[str, Sequence[Mapping[str, str]]]
"""The entries of each kind of block."""


class UnknownValueError(KeyError):
    """A template asks for a value that nobody gave."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One file of the PBX's configuration."""

    name: str
    text: str


def kinds() -> list[str]:
    """Ways of connecting there are templates for."""
    return sorted(
        entry.name for entry in resources.files("sip_config").iterdir() if entry.is_dir() and _files(entry.name)
    )


def render(
    kind: str,
    values: Mapping[str, str],
    ports: Sequence[int],
    tls_ports: Sequence[int] = (),
    blocks: Blocks | None = None,
) -> list[Rendered]:
    """The files of ``kind``, filled in.

    Args:
        kind: the folder.
        values: what stands for each mark.
        ports: SIP port of each worker.
        tls_ports: where each takes TLS.
        blocks: what else is repeated.

    Raises:
        UnknownValueError: a template needs a value that is not in ``values``.
    """
    workers = [{"N": str(n), "PORT": str(port)} for n, port in enumerate(ports)]
    folder = resources.files("sip_config").joinpath(kind)
    files = [(name, folder.joinpath(name).read_text(encoding="utf-8")) for name in _files(kind)]
    # Cisco takes five recorders in one profile.
    values = {"RECORDERS": "".join(f" 90{n}" for n in range(min(len(ports), 5))), **values}
    for worker, port in zip(workers, tls_ports, strict=False):
        worker["TLS_PORT"] = str(port)
    return [Rendered(name, _filled(text, values, {**(blocks or {}), "worker": workers})) for name, text in files]


def _files(kind: str) -> list[str]:
    entries = resources.files("sip_config").joinpath(kind).iterdir()
    return sorted(
        entry.name for entry in entries if entry.is_file() and not entry.name.endswith((".py", ".pyc", ".md"))
    )


def _filled(text: str, values: Mapping[str, str], blocks: Blocks) -> str:
    def repeated(found: re.Match[str]) -> str:
        return "".join(_replaced(found[2], {**values, **entry}) for entry in blocks.get(found[1], ()))

    # Block by block and not one text after the other: what an entry brings is never taken for a mark.
    pieces, at = [], 0
    for found in _EACH.finditer(text):
        pieces += [_replaced(text[at : found.start()], values), repeated(found)]
        at = found.end()
    return "".join([*pieces, _replaced(text[at:], values)])


def _replaced(text: str, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise UnknownValueError(found[1])
        return values[found[1]]

    return _MARK.sub(value, text)
