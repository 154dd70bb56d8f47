"""Values that cross package borders: frozen, hashable where they can be, no behaviour beyond arithmetic.

Offsets are `[start, end)` in Unicode code points of a document's clean text, everywhere.
"""

from __future__ import annotations

from rag.types.answers import (
    Answer,
    Answerability,
    Citation,
    Draft,
    Provenance,
    Sentence,
    Support,
    Taken,
    draft_of,
)
from rag.types.context import (
    Context,
    ContextResult,
    Dropped,
    Message,
    Passage,
    Prompt,
    Reading,
    ScoredSpan,
    Selection,
    UnitKind,
)
from rag.types.documents import (
    NOT_CHUNKED,
    Block,
    BlockKind,
    Box,
    Chunk,
    Document,
    Generation,
    Metadata,
    Span,
    Vectors,
    as_metadata,
    indexed_text,
)
from rag.types.search import Candidate, Hit, Query, SearchResult, StageScore, StepTrace, Turn, Usage, Variant

__all__ = [
    "Answer",
    "Answerability",
    "Block",
    "BlockKind",
    "Box",
    "Candidate",
    "Chunk",
    "Citation",
    "Context",
    "ContextResult",
    "Document",
    "Draft",
    "Dropped",
    "Generation",
    "Hit",
    "Message",
    "Metadata",
    "NOT_CHUNKED",
    "Passage",
    "Prompt",
    "Provenance",
    "Query",
    "Reading",
    "ScoredSpan",
    "SearchResult",
    "Selection",
    "Sentence",
    "Span",
    "StageScore",
    "StepTrace",
    "Support",
    "Taken",
    "Turn",
    "UnitKind",
    "Usage",
    "Variant",
    "Vectors",
    "as_metadata",
    "draft_of",
    "indexed_text",
]
