"""All settings as one object."""

import os
from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from assist.config.conversation import Asr, Cdr, Hub, Knowledge, Log, Nats, Playbook, Scorecard, Store, Summary, Tags
from assist.config.telephony import (
    LEADS_PER_BOOTH,
    Agent,
    Booth,
    Edge,
    Gateway,
    Lead,
    Route,
    Survey,
    Tap,
    Taps,
    Trunk,
)
from assist.errors import ConfigError
from assist.events import Language


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
    edge: Edge = Edge()
    """The SIP proxy in front of the gateway."""
    asr: Asr = Asr()
    """Speech recognition."""
    hub: Hub = Hub()
    """The screens' server."""
    store: Store = Store()
    """The case history."""
    cdr: Cdr = Cdr()
    """Call records."""
    playbook: Playbook = Playbook()
    """Cards and rules."""
    tags: Tags = Tags()
    """Contact reasons, products, complaints, risks."""
    knowledge: Knowledge = Knowledge()
    """The company's articles."""
    scorecard: Scorecard = Scorecard()
    """The quality score."""
    summary: Summary = Summary()
    """The summary."""
    log: Log = Log()
    """Logs."""
    trunk: tuple[Trunk, ...] = (Trunk(name="local", agent="agent"),)
    """Sources of calls, in order of match."""
    route: tuple[Route, ...] = ()
    """Where calls go, in order of match."""
    taps: Taps = Taps()
    """Media streams."""
    tap: tuple[Tap, ...] = ()
    """Sources of media streams; without any, no port is opened for them."""
    agent: tuple[Agent, ...] = (Agent(id="agent", sip="sip:agent@127.0.0.1:5080"),)
    """Agents and their phones."""
    booth: Booth = Booth()
    """Team leads' ears."""
    lead: tuple[Lead, ...] = ()
    """Team leads who may hear live calls, and their phones; without any, there is no booth."""
    survey: Survey = Survey()
    """Questions after the call."""
    _file: Path | None = PrivateAttr(None)

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
    def edge_file(self) -> Path:
        """Where ``apuntador up`` leaves the edge's address and token; there is none in direct mode."""
        return self.run_dir / "edge.json"

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the case store."""
        return self.store.url or f"sqlite:///{self.data_dir / 'cases.db'}"

    @property
    def cdr_path(self) -> Path:
        """Folder of the call records."""
        return self.cdr.folder or self.data_dir / "cdr"

    @property
    def learned_path(self) -> Path:
        """Folder of what was learnt from the company's history."""
        return self.playbook.learned or (self._file.parent if self._file is not None else self.data_dir) / "learned"

    def agent_by_id(self, agent_id: str) -> Agent:
        """The agent with this id.

        Raises:
            ConfigError: there is none.
        """
        for agent in self.agent:
            if agent.id == agent_id:
                return agent
        raise ConfigError(f"no [[agent]] has id {agent_id!r}; known: {', '.join(a.id for a in self.agent)}")

    def lead_by_id(self, lead_id: str) -> Lead | None:
        """The lead with this id, if there is one."""
        return next((lead for lead in self.lead if lead.id == lead_id), None)

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


def leads_of(settings: Settings, index: int) -> tuple[Lead, ...]:
    """The leads whose phones booth ``index`` calls: each as many as the packaged pjsua2 allows a process dialogs."""
    return settings.lead[index * LEADS_PER_BOOTH : (index + 1) * LEADS_PER_BOOTH]


def booths(settings: Settings) -> int:
    """How many booths these settings need."""
    return -(-len(settings.lead) // LEADS_PER_BOOTH)


def default_data_dir() -> Path:
    """``$APUNTADOR_DATA_DIR``, else the user's data directory."""
    override = os.environ.get("APUNTADOR_DATA_DIR")
    return Path(override) if override else user_data_path("apuntador")
