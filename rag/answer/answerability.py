"""What tells whether a context can answer a question: features of hits and passages, each about 0..1; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from rag.answer.expected import answer_type, holds
from rag.context.pack import JOINT
from rag.context.terms import content_terms, coverage, local_idf
from rag.text import words
from rag.types import Context, Hit, Passage, Query

_NUMBER = re.compile(r"\d")
_NAME = re.compile(r"(?<!^)(?<![.!?]\s)\b(?:[A-Z][\w-]+|[A-Za-z]+\d[\w-]*)")
_TOP = 3


def features(query: Query, hits: Sequence[Hit], context: Context) -> dict[str, float]:
    """Return every feature by name; a signal that the flow did not produce counts 0."""
    units = _best_units(context)
    terms = sorted(set(content_terms(query.text)))
    held = [frozenset(content_terms(hit.chunk.indexed_text)) for hit in hits]
    weights = local_idf(terms, held)
    unit_terms = [frozenset(content_terms(text)) for _, text in units]
    return {
        **_scores(hits),
        **_units(query.text, units),
        "covered_by_unit": _best(weights, unit_terms[:_TOP]),
        "covered_by_units": coverage(weights, frozenset().union(*unit_terms[:_TOP])),
        "covered_by_hit": _best(weights, held[:_TOP]),
        "covered_by_hits": coverage(weights, frozenset().union(*held)),
        "missing_terms": 1 - coverage(dict.fromkeys(terms, 1.0), frozenset().union(*held)) if terms else 0.0,
        "missing_names": _missing(_NAME.findall(query.text), hits),
        "missing_numbers": _missing([w for w in words(query.text) if _NUMBER.search(w)], hits),
        "short": 1.0 / (1 + len(terms)),
    }


def _scores(hits: Sequence[Hit]) -> dict[str, float]:
    found = {}
    for stage in ("dense", "maxsim"):
        scores = sorted((h.stages[stage].score for h in hits if stage in h.stages), reverse=True)
        top = scores[0] if scores else 0.0
        found[stage] = top
        found[f"{stage}_lead"] = top - sum(scores) / len(scores) if scores else 0.0
    bm25 = [hit.stages["bm25"].score for hit in hits if "bm25" in hit.stages]
    found["bm25"] = max(bm25, default=0.0) / (max(bm25, default=0.0) + 10)
    agree = [h for h in hits[:_TOP] if h.stages.get("dense") and h.stages.get("bm25")]
    found["agreement"] = sum(h.stages["dense"].rank <= 3 and h.stages["bm25"].rank <= 3 for h in agree) / _TOP
    return found


def _units(question: str, units: Sequence[tuple[float, str]]) -> dict[str, float]:
    kind = answer_type(question)
    top = units[:_TOP]
    return {
        "unit": top[0][0] if top else 0.0,
        "units": sum(score for score, _ in top) / _TOP,
        "kind_found": float(kind != "other" and any(holds(kind, text, question) for _, text in top)),
        "kind_missing": float(kind != "other" and not any(holds(kind, text, question) for _, text in top)),
    }


def _best_units(context: Context) -> list[tuple[float, str]]:
    """Return the context's sentences and rows, best first."""
    found = [item for passage in context.passages for item in _texts(passage)]
    return sorted(found, key=lambda item: (-item[0], item[1]))


def _texts(passage: Passage) -> list[tuple[float, str]]:
    found = []
    position = 0
    for span in passage.spans:
        for unit in passage.units:
            if span.contains(unit.span) and unit.kind in ("sentence", "row"):
                start = position + unit.span.start - span.start
                found.append((unit.score, passage.text[start : start + len(unit.span)]))
        position += len(span) + len(JOINT)
    return found


def _best(weights: Mapping[str, float], texts: Sequence[Collection[str]]) -> float:
    return max((coverage(weights, text) for text in texts), default=0.0)


def _missing(names: Sequence[str], hits: Sequence[Hit]) -> float:
    """Return the share of the names that no hit holds; 0 without names."""
    known = frozenset(word for hit in hits for word in words(hit.chunk.indexed_text))
    return sum(not known.issuperset(words(name)) for name in names) / len(names) if names else 0.0
