"""Taxonomies from disk: the packaged one that the settings name, or the company's own files."""

from importlib import resources
from pathlib import Path

from assist.config import Settings
from assist.decide.taxonomy import MOST_BYTES, Taxonomy, completed, parse
from assist.errors import ConfigError
from assist.events import Language
from assist.session.files import read_small

LANGUAGES: tuple[Language, ...] = ("es", "en")
_COMMON = "common"


def load_taxonomies(settings: Settings) -> dict[Language, tuple[Taxonomy, ...]]:
    """For each language its taxonomy first, then the other language's, which lends its examples.

    Raises:
        ConfigError: a file can't be read or is no valid taxonomy, two serve one language, or there is no such trade.
    """
    if not settings.tags.taxonomy and not settings.tags.files:
        return dict.fromkeys(LANGUAGES, ())  # what the playbook tells, and nothing unasked for
    own: dict[Language, Taxonomy] = {}
    for path in settings.tags.files:
        taxonomy = read_taxonomy(path)
        if taxonomy.language in own:
            raise ConfigError(
                f"{path}: [tags] files name two taxonomies for {taxonomy.language!r}; keep one of the two"
            )
        own[taxonomy.language] = taxonomy
    for language in LANGUAGES:
        if language not in own:
            own[language] = packaged_taxonomy(settings.tags.taxonomy or _COMMON, language)
    return {
        language: (own[language], *(own[other] for other in LANGUAGES if other != language)) for language in LANGUAGES
    }


def read_taxonomy(path: Path) -> Taxonomy:
    """The taxonomy in a file, with what it leaves out from the packaged common one.

    Raises:
        ConfigError: it can't be read or is no valid taxonomy; the message names file, line and remedy.
    """
    taxonomy = parse(read_small(path, "taxonomy", "[tags] files", MOST_BYTES), str(path))
    return completed(taxonomy, _packaged(_COMMON, taxonomy.language))


def packaged_taxonomy(name: str, language: Language) -> Taxonomy:
    """The taxonomy of a trade that comes with the product.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in trades():
        raise ConfigError(
            f"[tags] taxonomy: no {name!r}; packaged are {', '.join(trades())}; your own go into [tags] files"
        )
    return completed(_packaged(name, language), _packaged(_COMMON, language))


def trades() -> tuple[str, ...]:
    """Names of the packaged taxonomies; ``common`` alone has no reasons."""
    folder = resources.files("assist.taxonomies").joinpath("es")
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def _packaged(name: str, language: Language) -> Taxonomy:
    text = resources.files("assist.taxonomies").joinpath(language, f"{name}.yaml").read_text(encoding="utf-8")
    return parse(text, f"assist/taxonomies/{language}/{name}.yaml")
