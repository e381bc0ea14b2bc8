"""The articles of a running process: searched while a thread of their own keeps them current.

A look at a folder costs a few milliseconds where nothing changed. Whatever goes wrong in it is logged once and tried
again at the next look; what was read before stays searchable meanwhile.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from assist.errors import AssistError
from assist.events import Language
from assist.knowledge.library import Library, refresh
from assist.knowledge.passage import Skipped
from assist.knowledge.quote import excerpt
from assist.knowledge.search import Found, PassageEncoder

LEAST_WORDS: Final = 3
"""A line of fewer words asks nothing that an article could answer."""
_STOP_S: Final = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """The surest passage, and the part of it that an agent is shown."""

    found: Found
    quoted: str


class KnowledgeKeeper:
    """Keeps ``folder`` searchable; without one nothing is read and nothing found.

    ``cache`` as for :func:`assist.knowledge.library.refresh`; ``open_encoder`` is called once, in the thread, for a
    model takes a second to load; ``check_s`` are the seconds between two looks.
    """

    def __init__(
        self, folder: Path | None, cache: Path, open_encoder: Callable[[], PassageEncoder], *, check_s: float = 20.0
    ) -> None:
        self.folder = folder
        self._cache = cache
        self._open_encoder = open_encoder
        self._encoder: PassageEncoder | None = None
        self._check_s = check_s
        self._library: Library | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._read: Path | None = None
        """The folder that `_library` was read from."""
        self._trouble = ""
        self._named: frozenset[Skipped] = frozenset()

    def start(self) -> None:
        """Read the folder in a thread, and look at it again and again."""
        self._thread = threading.Thread(target=self._run, name="knowledge", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; an article that is being read is given up after five seconds."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def follow(self, folder: Path | None, check_s: float) -> None:
        """Keep another folder, or none, from now on; what was read of the old one is found until the new one is read.

        From any thread.
        """
        self._check_s = check_s
        if folder != self.folder:
            self.folder = folder
            log.info("knowledge.folder", folder=str(folder or ""))
        self._wake.set()

    @property
    def passages(self) -> int:
        """Passages that can be found now."""
        library = self._library
        return len(library.knowledge.passages) if library is not None else 0

    def answer(self, text: str, language: Language) -> Answer | None:
        """The likeliest passage for what a customer said in ``language``; None when there is none. Takes milliseconds.

        From any thread.
        """
        library = self._library
        if library is None or len(text.split()) < LEAST_WORDS:
            return None
        found = library.knowledge.search(text, language, unsure=True)
        best = max(found, key=lambda one: one.confidence, default=None)
        return Answer(best, excerpt(best.passage.text, text)) if best is not None else None

    def look(self) -> bool:
        """Look at the folder once; whether anything is different."""
        folder = self.folder
        if folder is None:
            had, self._library, self._read = self._library is not None, None, None
            return had

        def given_up() -> bool:
            return self._stop.is_set() or self.folder != folder

        before = self._library if self._read == folder else None
        try:
            if self._encoder is None:
                self._encoder = self._open_encoder()
            library = refresh(folder, self._cache, self._encoder, before=before, stop=given_up)
        except Exception as err:  # a full disk, a damaged model, memory: calls go on without new articles
            self._complain(err)
            return False
        if self.folder != folder:
            return False  # another one is wanted meanwhile
        if library.unsaved:
            self._complain_once(library.unsaved)
        elif self._trouble:
            self._trouble = ""
            log.info("knowledge.well_again", folder=str(folder))
        self._library, self._read = library, folder
        if library is before:
            return False
        log.info("knowledge.read", files=library.files, passages=self.passages, changed=library.changed)
        for skipped in sorted(set(library.skipped) - self._named, key=lambda one: one.file):
            log.warning("knowledge.skipped", file=skipped.file, problem=skipped.problem, detail=skipped.detail)
        self._named = frozenset(library.skipped)
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            self.look()
            self._wake.wait(self._check_s)

    def _complain(self, err: Exception) -> None:
        self._complain_once(str(err) if isinstance(err, AssistError) or hasattr(err, "do") else type(err).__name__)

    def _complain_once(self, reason: str) -> None:
        if reason != self._trouble:
            self._trouble = reason
            log.error("knowledge.not_read", folder=str(self.folder or ""), error=reason)
