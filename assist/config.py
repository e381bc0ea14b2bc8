"""Settings: TOML read once at start, checked as a whole, unknown keys fatal.

The file is the first of ``--config``, ``$APUNTADOR_CONFIG``, ``./apuntador.toml``, ``/etc/apuntador/apuntador.toml``
that exists; without any, the defaults run everything on loopback. ``APUNTADOR_<SECTION>__<KEY>`` in the environment
overrides a key. Secrets are never values here: they are files or are made by ``apuntador up``.
"""

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_data_path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from assist.errors import ConfigError
from assist.events import CallLanguage, Language

Port = Annotated[int, Field(ge=0, le=65535)]


def _network(value: str) -> str:
    ipaddress.ip_network(value)
    return value


def _sip_uri(value: str) -> str:
    if not value.startswith(("sip:", "sips:")):
        raise ValueError("must be a SIP URI such as sip:ana@10.0.0.5:5060")
    return value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Nats(_Section):
    """The broker."""

    url: str = ""
    """URL of a NATS cluster with JetStream; empty starts a private server on loopback."""
    token_file: Path | None = None
    """File that holds the cluster's token; the private server makes its own."""


class Gateway(_Section):
    """SIP and RTP."""

    bind: str = "127.0.0.1"
    """Address SIP and RTP listen on."""
    port: Port = 5060
    """SIP port of the first worker (UDP and TCP); worker n listens on port + n."""
    workers: int = Field(default=2, ge=1, le=64)
    """Gateway processes; the packaged pjsua2 bridges two calls in each."""
    rtp_start: Port = 40000
    """First RTP port; each worker uses 100 ports from here on."""
    chunk_ms: int = Field(default=60, ge=60, le=100, multiple_of=20)
    """Milliseconds of audio per published chunk."""
    keep_s: int = Field(default=120, ge=5, le=600)
    """Seconds of each leg kept in memory until transcribed, to replay when a transcriber dies; 16 kB each."""
    ring_s: int = Field(default=40, ge=5, le=300)
    """Seconds the agent's phone rings before the caller gets 480."""


class Trunk(_Section):
    """One source of calls."""

    name: str
    """Name in logs, cases and metrics."""
    allow: tuple[Annotated[str, AfterValidator(_network)], ...] = ("127.0.0.0/8",)
    """Networks its INVITEs may come from; anything else is answered 403."""
    language: CallLanguage = "es"
    """Language its callers speak; auto finds it out on each leg, and notices a change (one more model in use)."""
    queue: str = "general"
    """Queue its calls are counted in."""
    agent: str
    """Id of the agent whose phone rings."""


class Agent(_Section):
    """One agent."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    """Short id, used in tokens and events."""
    name: str = ""
    """Name shown to people."""
    sip: Annotated[str, AfterValidator(_sip_uri)]
    """SIP URI of the agent's phone."""


class Asr(_Section):
    """Speech recognition."""

    engine: Literal["auto", "moonshine", "vosk"] = "auto"
    """Engine; auto takes the best installed model of each language."""
    vosk_models: dict[Language, Path] = Field(default_factory=dict)
    """Folder of a Vosk model of your own by language, such as {es = "/srv/vosk-model-es-0.42"}; auto prefers it."""
    workers: int = Field(default=0, ge=0, le=64)
    """Transcriber processes; 0 takes one per core but one, at least one."""
    languages: tuple[Language, ...] = ("es", "en")
    """Languages to load at start; a model that is missing is fatal only when it is the only one."""
    calls_per_worker: int = Field(default=24, ge=1, le=256)
    """Calls a transcriber holds at most, late ones included: a bound on memory, not on load."""
    partial_ms: int = Field(default=240, ge=100, le=2000)
    """Milliseconds of new speech between partials, when the machine is free."""
    vocabulary: tuple[Path, ...] = ()
    """Files with the company's own words, one term per line (docs/text.md); near misses in finals are corrected."""
    spanish_numbers: Literal["1.234,5", "1,234.5"] = "1.234,5"
    """Separators in Spanish text: 1,234.5 in Mexico, Central America, Peru and the Caribbean."""
    english_numbers: Literal["1,234.5", "1.234,5"] = "1,234.5"
    """Separators in English text."""
    max_load: float = Field(default=0.85, ge=0.1, le=1)
    """Share of its core a transcriber's calls may need; beyond it the newest get no partials, then late text."""
    max_lag_s: float = Field(default=2.0, ge=0.5, le=60)
    """Seconds a call's text may lag before the screen says so and its backlog waits for the other calls."""


class Hub(_Section):
    """The WebSocket server of the screens."""

    bind: str = "127.0.0.1"
    """Address it listens on; put a TLS proxy in front of anything but loopback."""
    port: Port = 8765
    """Port of the screens' WebSocket; /healthz, /readyz and /metrics are served there too."""


class Store(_Section):
    """The case history."""

    url: str = ""
    """SQLAlchemy URL; empty is SQLite in the data directory."""


class Playbook(_Section):
    """Cards and compliance rules."""

    files: tuple[Path, ...] = ()
    """YAML playbooks, one per language; empty takes the packaged examples."""


class Log(_Section):
    """Logs go to standard error; personal data never does."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity written."""
    format: Literal["auto", "json", "text"] = "auto"
    """auto: text on a terminal, JSON elsewhere."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="APUNTADOR_",
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
        nested_model_default_partial_update=True,
    )

    language: Language = "es"
    """Language of the screens and the command line."""
    timezone: str = "America/Bogota"
    """Time zone of the call centre: dates in summaries are said in it."""
    data_dir: Path = Field(default_factory=lambda: default_data_dir())
    """Broker store, case database and run-time state."""
    models_dir: Path | None = None
    """Speech models, as fetched by `apuntador models fetch`; empty is models/ in the data directory."""
    nats: Nats = Nats()
    """The broker."""
    gateway: Gateway = Gateway()
    """SIP and RTP."""
    asr: Asr = Asr()
    """Speech recognition."""
    hub: Hub = Hub()
    """The screens' server."""
    store: Store = Store()
    """The case history."""
    playbook: Playbook = Playbook()
    """Cards and rules."""
    log: Log = Log()
    """Logs."""
    trunk: tuple[Trunk, ...] = (Trunk(name="local", agent="agent"),)
    """Sources of calls, in order of match."""
    agent: tuple[Agent, ...] = (Agent(id="agent", sip="sip:agent@127.0.0.1:5080"),)
    """Agents and their phones."""

    @property
    def models_path(self) -> Path:
        """Folder of the speech models."""
        return self.models_dir or self.data_dir / "models"

    @property
    def run_dir(self) -> Path:
        """Run-time state of this stack: addresses, tokens, status. Owner only."""
        return self.data_dir / "run"

    @property
    def bus_file(self) -> Path:
        """Where ``apuntador up`` leaves the broker's address and token."""
        return self.run_dir / "nats.json"

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the case store."""
        return self.store.url or f"sqlite:///{self.data_dir / 'cases.db'}"

    def agent_by_id(self, agent_id: str) -> Agent:
        """The agent with this id.

        Raises:
            ConfigError: there is none.
        """
        for agent in self.agent:
            if agent.id == agent_id:
                return agent
        raise ConfigError(f"no [[agent]] has id {agent_id!r}; known: {', '.join(a.id for a in self.agent)}")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file (which comes in as init values)."""
        return env_settings, init_settings


def default_data_dir() -> Path:
    """``$APUNTADOR_DATA_DIR``, else the user's data directory."""
    override = os.environ.get("APUNTADOR_DATA_DIR")
    return Path(override) if override else user_data_path("apuntador")


def find_config(explicit: Path | None = None) -> Path | None:
    """The settings file that counts, or None for the defaults.

    Raises:
        ConfigError: the file that was asked for does not exist.
    """
    named = explicit or (Path(os.environ["APUNTADOR_CONFIG"]) if os.environ.get("APUNTADOR_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"settings file {named} does not exist")
        return named
    for candidate in (Path("apuntador.toml"), Path("/etc/apuntador/apuntador.toml")):
        if candidate.is_file():
            return candidate
    return None


def load(explicit: Path | None = None) -> Settings:
    """Read and check the settings.

    Raises:
        ConfigError: no such file, not TOML, an unknown key, or a wrong value; the message names file, key and remedy.
    """
    path = find_config(explicit)
    data: dict[str, Any] = {}
    where = str(path) if path else "the environment"
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as err:
            raise ConfigError(f"{path}: not TOML: {err}") from None
        except (OSError, UnicodeDecodeError) as err:
            raise ConfigError(f"{path}: can't be read: {err}") from None
    try:
        settings = Settings(**data)
    except ValidationError as err:
        raise ConfigError(f"{where}: {_explain(err)}") from None
    _cross_check(settings, where)
    return settings


def _explain(err: ValidationError) -> str:
    lines = []
    for item in err.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            lines.append(f"unknown key {key}; every key is in docs/configuration.md")
        else:
            lines.append(f"{key}: {item['msg']}")
    return "; ".join(lines)


def _cross_check(settings: Settings, where: str) -> None:
    ids = [agent.id for agent in settings.agent]
    for trunk in settings.trunk:
        if trunk.agent not in ids:
            raise ConfigError(f"{where}: trunk {trunk.name!r} routes to agent {trunk.agent!r}, who is in no [[agent]]")
    if len(set(ids)) != len(ids):
        raise ConfigError(f"{where}: two [[agent]] have the same id")


def reference() -> str:
    """``docs/configuration.md``, made from the settings themselves."""
    lines = [
        "# Configuration",
        "",
        "Made by `apuntador config reference`; do not edit. TOML keys, their defaults and what they do.",
        "`apuntador check` validates a file without starting anything. Unknown keys are errors.",
        "",
    ]
    lines += _table("(top level)", Settings, skip_sections=True)
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, _Section):
            lines += _table(f"[{name}]", section)
    lines += _table("[[trunk]]", Trunk)
    lines += _table("[[agent]]", Agent)
    return "\n".join(lines).rstrip() + "\n"


def _table(title: str, model: type[BaseModel], *, skip_sections: bool = False) -> list[str]:
    lines = [f"## {title}", "", "| key | default | what it does |", "| --- | --- | --- |"]
    for name, field in model.model_fields.items():
        section = field.annotation
        is_section = isinstance(section, type) and issubclass(section, _Section)
        if skip_sections and (is_section or name in ("trunk", "agent")):
            continue
        if field.is_required():
            default = "(required)"
        elif field.default_factory is not None:
            default = "the user's data directory"
        elif isinstance(field.default, tuple):
            default = f"`{list(field.default)}`".replace("'", '"')
        else:
            default = f"`{field.default!r}`".replace("'", '"')
        lines.append(f"| `{name}` | {default} | {field.description or ''} |")
    return [*lines, ""]
