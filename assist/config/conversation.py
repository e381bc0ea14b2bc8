"""Sections of everything behind the telephony: broker, recognition, playbooks, history, screens."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from assist.config.values import Port, Section
from assist.events import Language


class Nats(Section):
    """The broker."""

    url: str = ""
    """URL of a NATS cluster with JetStream; empty starts a private server on loopback."""
    token_file: Path | None = None
    """File that holds the cluster's token; the private server makes its own."""


class Asr(Section):
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


class Hub(Section):
    """The WebSocket server of the screens."""

    bind: str = "127.0.0.1"
    """Address it listens on; put a TLS proxy in front of anything but loopback."""
    port: Port = 8765
    """Port of the screens' WebSocket; /healthz, /readyz and /metrics are served there too."""


class Store(Section):
    """The case history."""

    url: str = ""
    """SQLAlchemy URL; empty is SQLite in the data directory."""


class Cdr(Section):
    """Call detail records: one line for each call."""

    formats: tuple[Literal["csv", "jsonl"], ...] = ("csv",)
    """Files written, one of each a day; empty writes none."""
    folder: Path | None = None
    """Folder of the files; empty is cdr/ in the data directory."""
    mask_numbers: bool = False
    """Keep only the end of each number."""
    keep_days: int = Field(default=0, ge=0)
    """Days after which a file is deleted; 0 keeps them."""


class Playbook(Section):
    """Cards and compliance rules."""

    files: tuple[Path, ...] = ()
    """YAML or TOML playbooks, one per language; empty takes the packaged examples."""
    feedback: Path | None = None
    """Counts of what agents did with each card (apuntador playbook feedback): cards hardly used need a surer match."""
    learned: Path | None = None
    """Folder of what apuntador playbook learn writes; empty is learned/ beside the settings file or the data."""


class Tags(Section):
    """What calls are about."""

    taxonomy: str = ""
    """Packaged contact reasons: telecom, banking, retail, utilities or common; empty: only what the playbook tells."""
    files: tuple[Path, ...] = ()
    """YAML taxonomies of your own, one per language, instead of the packaged one (docs/tags.md)."""


class Knowledge(Section):
    """The company's own articles."""

    folder: Path | None = None
    """Folder of Markdown, HTML, CSV and text files (docs/knowledge.md); what changes in it is noticed."""
    cards: bool = True
    """Put a passage on the agent's screen when a customer asks what it answers."""
    confidence: float = Field(default=0.7, ge=0.5, le=1)
    """Least probability that a passage answers before it is put there."""
    per_call: int = Field(default=2, ge=0)
    """Most passages in one call; they count among the playbook's cards_per_call."""
    priority: int = Field(default=45, ge=1, le=100)
    """A passage's priority among the playbook's cards."""
    check_s: float = Field(default=20, ge=1, le=600)
    """Seconds between two looks at the folder for articles that are new, changed or gone."""


class Scorecard(Section):
    """The quality score."""

    files: tuple[Path, ...] = ()
    """TOML scorecards, one per language; empty takes the packaged six pillars (docs/scorecards.md)."""


class SummaryLlm(Section):
    """A local language model that may put the summary in other words; what it adds is thrown away."""

    url: str = ""
    """Base URL of an OpenAI-compatible endpoint, such as http://127.0.0.1:8080/v1; empty: not used."""
    model: str = "local"
    """Model name sent to it."""
    timeout_s: float = Field(default=4.0, gt=0, le=60)
    """Seconds to wait for its answer before the summary stays as it is."""


class Summary(Section):
    """The summary."""

    llm: SummaryLlm = SummaryLlm()
    """Rewording, off by default."""


class Log(Section):
    """Logs go to standard error; personal data never does."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity written."""
    format: Literal["auto", "json", "text"] = "auto"
    """auto: text on a terminal, JSON elsewhere."""
