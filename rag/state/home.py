"""Where everything lies under RAGWRIGHT_HOME."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rag.errors import ConfigError, StateError

_CORPUS_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def check_corpus_name(name: str) -> str:
    """Return `name` if it may name a corpus.

    Raises:
        ConfigError: it may not.
    """
    if not _CORPUS_NAME.fullmatch(name):
        raise ConfigError(
            f"corpus name {name!r} must be 1-63 of a-z, 0-9, '-' and '_', and start with a letter or digit"
        )
    return name


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below one RAGWRIGHT_HOME; nothing is created until it is asked for."""

    root: Path

    @property
    def catalogue(self) -> Path:
        """The SQLite catalogue of all corpora."""
        return self.root / "catalogue.db"

    @property
    def models(self) -> Path:
        """Exported models."""
        return self.root / "models"

    @property
    def spool(self) -> Path:
        """What running ingests fetched and have not made into documents yet."""
        return self.root / "spool"

    def gates(self, corpus: str) -> Path:
        """The runs that the gates of a corpus compared, one folder for each generation; they quote documents."""
        return self.root / "gates" / corpus

    @property
    def calibrations(self) -> Path:
        """How judges agreed with people: figures only, no text."""
        return self.root / "calibrations.jsonl"

    def index(self, index_id: int) -> Path:
        """The folder of one index: its shard, segments and weights."""
        return self.root / "indexes" / str(index_id)

    def ingest_lock(self, corpus: str) -> Path:
        """The lock file that one ingest per corpus holds."""
        return self.root / "locks" / f"ingest-{corpus}.lock"

    def create(self) -> None:
        """Make the folder; one that is there and cannot be written stays as it is.

        Raises:
            StateError: it cannot be made.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            (self.root / "locks").mkdir(exist_ok=True)
        except OSError as error:
            if self.root.is_dir():
                return  # what is there can be read; who writes will find that it cannot
            raise StateError(
                f"cannot write to {self.root}: {error.strerror}; set RAGWRIGHT_HOME to a folder you can write"
            ) from error
