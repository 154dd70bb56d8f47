"""What tells whether a context can answer a question: features of question, hits and passages; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from rag.answer.mentions import names_in
from rag.context.terms import STOP_WORDS, content_terms
from rag.text import words
from rag.types import Context, Hit

_NUMBER = re.compile(r"\d")
_PERSONAL = frozenset("i my we our you your".split())
_TOP = 3
_FIRST = 20
_USUAL_CLOSENESS = 0.4  # MaxSim of the first hits but the best, over the demo corpus' development questions


def features(question: str, hits: Sequence[Hit], context: Context, unknown: Collection[str]) -> dict[str, float]:
    """Return every feature by name, each about 0..1; a signal that the flow did not produce counts 0.

    `unknown` are the question's content terms that no chunk of the corpus holds.
    """
    tokens = words(question)
    return {
        "maxsim_lead": _lead(hits),
        "units": _mean(best_units(context)[: _counted(context)]),
        "unknown_name": float(bool(unknown_names(question, unknown))),
        "missing_numbers": _missing([word for word in tokens if _NUMBER.search(word)], hits),
        "chatty": sum(word in STOP_WORDS for word in tokens) / len(tokens) if tokens else 0.0,
        "long": min(1.0, len(tokens) / 20),
        "mark": float(question.rstrip().endswith("?")),
        "personal": float(not _PERSONAL.isdisjoint(tokens)),
    }


def unknown_names(question: str, unknown: Collection[str]) -> list[str]:
    """Return the names of a question of which the corpus lacks a word."""
    names = dict.fromkeys(names_in(question))
    return [name for name in names if not set(unknown).isdisjoint(content_terms(name))]


def best_units(context: Context) -> list[float]:
    """Return the scores of the context's sentences and rows, best first."""
    units = (unit for passage in context.passages for unit in passage.units)
    return sorted((unit.score for unit in units if unit.kind in ("sentence", "row")), reverse=True)


def _counted(context: Context) -> int:
    """Return how many of the best units count: of a small file, which is not compressed, the better half."""
    return min(_TOP, -(-len(best_units(context)) // 2))


def _lead(hits: Sequence[Hit]) -> float:
    """Return how far the closest of the first fused hits stands above their mean, however many were reranked.

    Where there are fewer, hits of the usual closeness take the places of those that are missing: alone, a hit would
    never stand above anything.
    """
    fused = {hit.stages["fused"].rank: hit.stages for hit in hits if "fused" in hit.stages}
    first = [fused[rank] for rank in sorted(fused)[:_FIRST]]
    scores = [stages["maxsim"].score for stages in first if "maxsim" in stages]
    return max(scores) - _mean([*scores, *[_USUAL_CLOSENESS] * (_FIRST - len(first))]) if scores else 0.0


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores) if scores else 0.0


def _missing(wanted: Sequence[str], hits: Sequence[Hit]) -> float:
    """Return the share of the words that no hit holds; 0 without words."""
    known = frozenset(word for hit in hits for word in words(hit.chunk.indexed_text))
    return sum(word not in known for word in wanted) / len(wanted) if wanted else 0.0
