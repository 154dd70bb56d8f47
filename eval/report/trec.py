"""TREC run and qrels text, with ids percent-encoded because the format separates fields by blanks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote

from eval.metrics.documents import document_run
from eval.observation import Observation


def run_lines(observations: Iterable[Observation], tag: str = "ragwright") -> Iterator[str]:
    """Yield `query Q0 document rank score tag`; scores fall strictly, so evaluators cannot reorder ties."""
    for seen in observations:
        for rank, (doc_id, score) in enumerate(document_run(seen.hits).items(), start=1):
            yield f"{encode(seen.case.id)} Q0 {encode(doc_id)} {rank} {score:g} {tag}"


def qrels_lines(observations: Iterable[Observation]) -> Iterator[str]:
    """Yield `query 0 document 1` for every gold document, failed cases included: they count as 0 for others."""
    for seen in observations:
        for doc_id in seen.case.doc_ids:
            yield f"{encode(seen.case.id)} 0 {encode(doc_id)} 1"


@lru_cache(4096)  # a run names its few documents over and over
def encode(identifier: str) -> str:
    """Return an id without blanks: everything but letters, digits and `_.-~` percent-encoded as UTF-8."""
    return quote(identifier, safe="")
