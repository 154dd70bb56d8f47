"""A learned second stage: a linear score over what the stages, the words and the other hits say of a hit.

`eval.recipes.fit_ranker` fits the weights through the same `ranking_features`; at query time they are a few numbers in
a JSON file, and what they weigh is numpy over the hits of one question.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError
from rag.idf import coverage
from rag.models.late_interaction import LateInteraction
from rag.models.term_coverage import ChunkTerms, best_units, term_weights
from rag.scaling import min_max
from rag.types import Chunk, Hit, Query

Floats = NDArray[np.float64]

WEIGHTS = Path(__file__).with_name("ranker.json")

_FIT = "fit them with eval.recipes.fit_ranker"
_PRIOR_WEIGHT = 0.2  # of MaxSim beside fusion: the blend that the weights are drawn towards
_RANK_OFFSET = 5
_USUAL_TERMS = 100
_FEW_TERMS = 4
_NAMING_HITS = 5


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of the hits of one question.

    `question` are its terms in the keyword index, in order, and `idf` how much each tells the hits apart; `terms` are
    those of each hit. `maxsim` is each hit's late interaction with the question as it is embedded, `tuned` with the
    question as the encoder reads it that was trained for the stored token vectors (both -1..1).
    """

    hits: Sequence[Hit]
    question: Sequence[str]
    idf: Mapping[str, float]
    terms: Sequence[ChunkTerms]
    maxsim: Floats
    tuned: Floats


def look_at(interaction: LateInteraction, query: Query, hits: Sequence[Hit]) -> Look:
    """Return what is known of the hits, in the order in which fusion ranked them; blocking.

    Raises:
        ModelError: the question encoder's weights are missing or altered.
    """
    chunks = [hit.chunk for hit in hits]
    terms = interaction.indexes(query.generation.index_id).keywords.terms
    found = interaction.terms(query, chunks)
    plain, tuned = interaction.tuned(query, chunks)
    weights = term_weights(query.text, found, terms)
    return Look(hits, terms(query.text), weights, found, np.array(plain), np.array(tuned))


def ranking_features(look: Look) -> Floats:
    """Return `(n, len(FEATURES))`: every feature of every hit."""
    return np.column_stack([feature(look) for feature in FEATURES.values()])


def load_weights(path: Path = WEIGHTS) -> Floats:
    """Return the weight of each of FEATURES, in their order.

    Raises:
        ModelError: the file cannot be read, or weighs other features.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["weights"]
        values = np.array([found[name] for name in FEATURES], np.float64)
        fits = found.keys() == FEATURES.keys() and bool(np.isfinite(values).all())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"cannot read the weights in {path} ({error!r}); {_FIT}") from error
    if not fits:
        raise ModelError(f"{path} weighs other features than there are; {_FIT}")
    return values


# --- features: `(n,) float64`, one value a hit, higher where it is more of what the name says ---


def _prior(look: Look) -> Floats:
    """The blend of fusion and MaxSim that ranks without this stage; it alone is not drawn towards 0 by the fit."""
    fused = _scaled(np.array([hit.score for hit in look.hits]))
    return (1 - _PRIOR_WEIGHT) * fused + _PRIOR_WEIGHT * _scaled(look.maxsim)


def _rank_in(stage: str) -> Callable[[Look], Floats]:
    """Where a stage put the hit, 1 / (5 + rank); 0 where it did not find it."""

    def feature(look: Look) -> Floats:
        ranks = [hit.stages[stage].rank if stage in hit.stages else math.inf for hit in look.hits]
        return 1.0 / (_RANK_OFFSET + np.array(ranks, np.float64))

    return feature


def _tuned_rank(look: Look) -> Floats:
    ranks = np.empty(len(look.hits))
    ranks[np.argsort(-look.tuned, kind="stable")] = np.arange(1, len(look.hits) + 1)
    return 1.0 / (_RANK_OFFSET + ranks)


def _unit(look: Look) -> Floats:
    """The share of the question's terms that stand together in one sentence or row, below the hit's headings."""
    return _scaled(np.array(best_units(look.idf, look.terms)))


def _header_covered(look: Look) -> Floats:
    return np.array([coverage(look.idf, frozenset(found.header)) for found in look.terms])


def _header_asked(look: Look) -> Floats:
    """Share of the header's terms that the question has."""
    return np.array([_found(frozenset(found.header), look.idf) for found in look.terms])


def _pairs(look: Look) -> Floats:
    """Share of the question's pairs of adjacent terms that are adjacent in the hit."""
    asked = frozenset(pairwise(look.question))
    return np.array([_found(asked, pairwise(found.body())) for found in look.terms])


def _numbers(look: Look) -> Floats:
    """Share of the question's terms with figures that the hit has."""
    asked = frozenset(term for term in look.question if any(char.isdigit() for char in term))
    return np.array([_found(asked, found.all()) for found in look.terms])


def _length(look: Look) -> Floats:
    return np.array([math.log(max(found.size, _FEW_TERMS) / _USUAL_TERMS) for found in look.terms])


def _opening(look: Look) -> Floats:
    """1 for the beginning of a document."""
    return np.array([float(hit.chunk.span.start == 0) for hit in look.hits])


def _named(look: Look) -> Floats:
    """1 where one of the best hits, of another document, mentions this hit's title: the next step of a chain."""
    best = [(hit.chunk.doc_id, hit.chunk.text.lower()) for hit in look.hits[:_NAMING_HITS]]
    return np.array([float(_is_named(hit.chunk, best)) for hit in look.hits])


def _is_named(chunk: Chunk, texts: Sequence[tuple[str, str]]) -> bool:
    title = chunk.title.lower()
    return bool(title) and any(title in text for doc_id, text in texts if doc_id != chunk.doc_id)


def _scaled(values: Floats) -> Floats:
    return np.array(min_max(values.tolist()))


def _found(asked: frozenset[Any], held: Iterable[Any]) -> float:
    """Return the share of what is asked for that is held."""
    return len(asked.intersection(held)) / len(asked) if asked else 0.0


FEATURES: dict[str, Callable[[Look], Floats]] = {
    "prior": _prior,
    "keyword_rank": _rank_in("bm25"),
    "dense_rank": _rank_in("dense"),
    "tuned_rank": _tuned_rank,
    "tuned_scaled": lambda look: _scaled(look.tuned),
    "unit": _unit,
    "header_covered": _header_covered,
    "header_asked": _header_asked,
    "pairs": _pairs,
    "numbers": _numbers,
    "length": _length,
    "opening": _opening,
    "named": _named,
}
"""By name; a new one needs a fit before the stage runs again."""
