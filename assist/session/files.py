"""Small files that people write: read whole, with a bound."""

from pathlib import Path

from assist.errors import ConfigError


def read_small(path: Path, what: str, setting: str, most_bytes: int) -> str:
    """The text of the ``what`` (``playbook``) that ``setting`` (``[playbook] files``) names, at most ``most_bytes``.

    Raises:
        ConfigError: it is larger, can't be read, or is not UTF-8.
    """
    try:
        if path.stat().st_size > most_bytes:
            raise ConfigError(f"{what} {path}: over {most_bytes // 1_000_000} MB is no {what}; name another file")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        # The error quotes the bytes; whose they are is not known.
        raise ConfigError(f"{what} {path} is not UTF-8 text; save it as UTF-8 or correct {setting}") from None
    except OSError as err:
        raise ConfigError(f"{what} {path} can't be read ({err.strerror}); correct {setting}") from None
