"""Retrieval, context, answers and citations: everything index time and query time must agree on.

A user imports from here: `from rag import Request, load_settings, open_runtime, run_sync`. A name is looked up when it
is first used, so `import rag` loads nothing else and the command line starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.bridge import run_sync as run_sync
    from rag.errors import BusyError as BusyError
    from rag.errors import CatalogueUnavailableError as CatalogueUnavailableError
    from rag.errors import ConfigError as ConfigError
    from rag.errors import CorpusNotFoundError as CorpusNotFoundError
    from rag.errors import DocumentNotFoundError as DocumentNotFoundError
    from rag.errors import GeneratorError as GeneratorError
    from rag.errors import GeneratorUnavailableError as GeneratorUnavailableError
    from rag.errors import IndexUnavailableError as IndexUnavailableError
    from rag.errors import ModelError as ModelError
    from rag.errors import RagwrightError as RagwrightError
    from rag.errors import SourceError as SourceError
    from rag.errors import StateError as StateError
    from rag.pipeline import RagPipeline as RagPipeline
    from rag.pipeline import Request as Request
    from rag.pipeline import StreamEvent as StreamEvent
    from rag.runtime import Runtime as Runtime
    from rag.runtime import open_runtime as open_runtime
    from rag.settings import Settings as Settings
    from rag.settings import load_settings as load_settings
    from rag.types import Answer as Answer
    from rag.types import Citation as Citation
    from rag.types import Context as Context
    from rag.types import ContextResult as ContextResult
    from rag.types import Hit as Hit
    from rag.types import Passage as Passage
    from rag.types import SearchResult as SearchResult
    from rag.types import Sentence as Sentence
    from rag.types import Span as Span
    from rag.types import Turn as Turn

_ERRORS = (
    "BusyError CatalogueUnavailableError ConfigError CorpusNotFoundError DocumentNotFoundError GeneratorError"
    " GeneratorUnavailableError IndexUnavailableError ModelError RagwrightError SourceError StateError"
)
_PUBLIC = {
    "rag.runtime": "Runtime open_runtime",
    "rag.bridge": "run_sync",
    "rag.errors": _ERRORS,
    "rag.pipeline": "RagPipeline Request StreamEvent",
    "rag.settings": "Settings load_settings",
    "rag.types": "Answer Citation Context ContextResult Hit Passage SearchResult Sentence Span Turn",
}
"""The public names by the module that has them; a type checker reads them from the imports above."""

_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names.split()}
__all__ = sorted(_MODULE_OF)

if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists

    def __getattr__(name: str) -> object:
        """Import a public name from its module (PEP 562)."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULE_OF[name]), name)
