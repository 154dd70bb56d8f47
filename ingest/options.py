"""How a run of ingestion behaves, what it needs, and how it tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Engine

from rag.ports import Embedder, Index
from rag.settings import Settings
from rag.state.home import Home
from rag.state.reader import SqlCatalogue


class Runtime(Protocol):
    """What ingestion needs of `rag.runtime.Runtime`."""

    settings: Settings
    home: Home
    engine: Engine
    catalogue: SqlCatalogue

    @property
    def embedder(self) -> Embedder:
        """The embedder that the settings name."""
        ...

    def indexes(self, index_id: int) -> Index:
        """Open an index."""
        ...

    def claim(self, index_id: int) -> None:
        """Make this home the one that holds the stores of an index."""
        ...


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How one run behaves. `jobs` overrides the setting `ingest.jobs`; `allow_delete_over` is a share 0..1.

    `prefix`, `include` and `exclude` are of the sources that are named, and are remembered with them.
    """

    prune: bool = False
    allow_delete_over: float = 0.2
    retry_failed: bool = False
    dry_run: bool = False
    jobs: int | None = None
    prefix: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is: `scan` and `documents` count documents, `publish` is 0 or 1 of 1."""

    stage: str
    done: int
    total: int


ProgressSink = Callable[[Progress], None]
