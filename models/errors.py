# ruff: noqa: N818 - the names say what happened: ModelMissing, DiskFull
"""Everything that can go wrong in `models`, as one tree.

ModelsError
├── CatalogError            the list of models itself is wrong (our bug, or an edited file)
├── UnknownModel            a name that is not in the list
├── FetchError              getting a model onto this machine
│   ├── Offline               nobody answered; retry later             (retryable)
│   ├── SourceUnavailable     npm or pip is not there, or refuses
│   ├── IntegrityError        what arrived is not what was expected    (retryable)
│   ├── DiskFull              no room; free some and repeat            (retryable)
│   ├── UnsafeArchive         the package holds a link, a path out of its folder, or more than it may
│   └── OptimiseError         a published graph or file has not the expected shape
└── EngineError             using a model
    ├── ModelMissing          not fetched yet
    ├── ModelDamaged          fetched, but a file is missing or has changed
    ├── EngineUnavailable     this engine cannot run here, or cannot do what is asked
    ├── UnknownLanguage       no recogniser for this language
    ├── BadPhrase             a closed vocabulary has a word that the model does not know
    └── BadAudio              the caller handed over something that is not 16-bit mono at a known rate
"""

from __future__ import annotations

from typing import ClassVar


class ModelsError(Exception):
    """Base of the tree.

    `what` was wrong, `where` (file, address, model), and what to `do` about it. `retryable` says whether
    the same call may succeed later without anybody changing the configuration.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        self.what = what
        self.where = where
        self.do = do
        text = f"{what} [{where}]" if where else what
        super().__init__(f"{text}. {do}" if do else text)


class CatalogError(ModelsError):
    pass


class UnknownModel(ModelsError):
    pass


class FetchError(ModelsError):
    pass


class Offline(FetchError):
    retryable = True


class SourceUnavailable(FetchError):
    pass


class IntegrityError(FetchError):
    retryable = True


class DiskFull(FetchError):
    retryable = True


class UnsafeArchive(FetchError):
    pass


class OptimiseError(FetchError):
    pass


class EngineError(ModelsError):
    pass


class ModelMissing(EngineError):
    pass


class ModelDamaged(EngineError):
    pass


class EngineUnavailable(EngineError):
    pass


class UnknownLanguage(EngineError):
    pass


class BadPhrase(EngineError):
    pass


class BadAudio(EngineError):
    pass
