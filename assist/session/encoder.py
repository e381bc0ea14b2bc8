"""The sentence encoders, where they are installed: the only place that knows which models they are."""

from pathlib import Path

from assist.config import Settings
from assist.decide.kit import SentenceEncoder
from assist.knowledge.keeper import KnowledgeKeeper
from models.errors import ModelMissing
from models.text.registry import open_e5, open_paraphrase


def installed_encoder(models_dir: Path | None = None) -> SentenceEncoder | None:
    """The encoder of this machine, on one thread; None when it was not fetched.

    Raises:
        ModelDamaged: it was fetched and can't be read.
    """
    try:
        return open_paraphrase(models_dir)
    except ModelMissing:
        return None


def kept_articles(settings: Settings) -> KnowledgeKeeper:
    """What keeps the company's articles searchable, not yet started; it reads nothing where none are to be offered."""
    cache = settings.data_dir / "knowledge"
    check_s = settings.knowledge.check_s
    return KnowledgeKeeper(offered(settings), cache, lambda: open_e5(settings.models_path), check_s=check_s)


def offered(settings: Settings) -> Path | None:
    """The folder whose articles may be put before agents."""
    return settings.knowledge.folder if settings.knowledge.cards else None
