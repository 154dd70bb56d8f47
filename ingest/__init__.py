"""From sources to one published index generation; start with `ingest.pipeline`.

A user imports from here: `from ingest import ingest`. A name is looked up when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.pipeline import IngestOptions as IngestOptions
    from ingest.pipeline import Progress as Progress
    from ingest.pipeline import ingest as ingest
    from ingest.report import IngestReport as IngestReport

_PUBLIC = {
    "ingest.pipeline": "IngestOptions Progress ingest",
    "ingest.report": "IngestReport",
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
