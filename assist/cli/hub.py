"""What the commands that talk to the hub share: its address and the token."""

from pathlib import Path

from assist.config import Settings
from assist.errors import AssistError, AuthError
from assist.events import Language
from assist.strings import say


def hub_url(settings: Settings, url: str) -> str:
    """``url``, or the settings' hub where that is empty."""
    return url or f"ws://{_host(settings.hub.bind)}:{settings.hub.port}/"


def read_token(language: Language, token: str, file: Path | None) -> str:
    """The token itself, from the option or from its file.

    Raises:
        AuthError: neither was given.
        AssistError: the file can't be read.
    """
    if token:
        return token.strip()
    if file is None:
        raise AuthError(say(language, "tui.no_token"))
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        raise AssistError(say(language, "tui.token_file_unreadable", path=file, reason=err)) from None


def _host(bind: str) -> str:
    """Where to reach a server that listens on ``bind``."""
    if bind in ("0.0.0.0", ""):
        return "127.0.0.1"
    if bind == "::":
        return "[::1]"
    return f"[{bind}]" if ":" in bind else bind
