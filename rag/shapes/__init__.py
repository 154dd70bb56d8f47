"""The JSON that users get: one set of shapes for HTTP and for `--json` on the command line.

Offsets are `[start, end)` in Unicode code points of a document's clean text; ranks and tags count from 1.
"""

from __future__ import annotations

from rag.shapes.convert import (
    answer_json,
    context_json,
    corpus_json,
    document_json,
    dropped_json,
    event_json,
    hit_json,
    search_json,
)
from rag.shapes.shapes import (
    AnswerJson,
    BoxJson,
    CitationJson,
    ContextJson,
    CorporaJson,
    CorpusJson,
    DocumentJson,
    DroppedJson,
    HitJson,
    MessageJson,
    PassageJson,
    PromptJson,
    PromptRefJson,
    ProvenanceJson,
    QueryStepJson,
    SearchJson,
    SentenceJson,
    StageScoreJson,
    UsageJson,
)

__all__ = [
    "AnswerJson",
    "BoxJson",
    "CitationJson",
    "ContextJson",
    "CorporaJson",
    "CorpusJson",
    "DocumentJson",
    "DroppedJson",
    "HitJson",
    "MessageJson",
    "PassageJson",
    "PromptJson",
    "PromptRefJson",
    "ProvenanceJson",
    "QueryStepJson",
    "SearchJson",
    "SentenceJson",
    "StageScoreJson",
    "UsageJson",
    "answer_json",
    "context_json",
    "corpus_json",
    "document_json",
    "dropped_json",
    "event_json",
    "hit_json",
    "search_json",
]
