"""A learned second stage: a linear score over what the stages, the words and the neighbours of a hit say.

`eval.recipes.fit_ranker` fits the weights through the same `ranking_features`; at query time they are a few numbers in
a JSON file, and what they weigh is numpy over the hits of one question.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError
from rag.idf import coverage, local_idf
from rag.models.late_interaction import LateInteraction, maxsims
from rag.scaling import min_max
from rag.text import sentences
from rag.types import Chunk, Hit, Query, Span, Vectors

Floats = NDArray[np.float64]

WEIGHTS = Path(__file__).with_name("ranker.json")

_FIT = "fit them with eval.recipes.fit_ranker"
_PRIOR_WEIGHT = 0.2  # of MaxSim beside fusion, as the shipped blend has it
_RANK_OFFSET = 5
_WINDOW_TERMS = 25
_USUAL_TERMS = 100
_FEW_TERMS = 4
_ADJACENT_CHARS = 3
_NAMING_HITS = 5
_WEAK = 0.2


@dataclass(frozen=True)
class Look:
    """What is known of the hits of one question.

    `question`, `bodies` and `headers` are terms of the keyword index, in order; `closeness` is `(t, n)`, each question
    token's best similarity in each hit; `sentence` the MaxSim of each hit's best sentence.
    """

    hits: Sequence[Hit]
    question: Sequence[str]
    bodies: Sequence[Sequence[str]]
    headers: Sequence[Sequence[str]]
    closeness: Vectors
    sentence: Floats

    @cached_property
    def texts(self) -> list[frozenset[str]]:
        """The terms of each hit, its header's included."""
        return [frozenset(body).union(header) for body, header in zip(self.bodies, self.headers, strict=True)]

    @cached_property
    def idf(self) -> dict[str, float]:
        """How much each term of the question tells the hits apart."""
        return local_idf(dict.fromkeys(self.question), self.texts)

    @cached_property
    def maxsim(self) -> Floats:
        """The MaxSim of each hit, -1..1."""
        return np.array(maxsims(self.closeness))

    @cached_property
    def fused(self) -> Floats:
        """The score of each hit so far, scaled to 0..1."""
        return np.array(min_max([hit.score for hit in self.hits]))


def ranking_features(interaction: LateInteraction, query: Query, hits: Sequence[Hit]) -> Floats:
    """Return `(n, len(FEATURES))`: every feature of every hit, as fusion ranked them; blocking."""
    look = _look(interaction, query, hits)
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


def _look(interaction: LateInteraction, query: Query, hits: Sequence[Hit]) -> Look:
    chunks = [hit.chunk for hit in hits]
    terms = interaction.indexes(query.generation.index_id).keywords.terms
    best = [max(scores, default=0.0) for scores in interaction.units(query, [(c, _sentences(c)) for c in chunks])]
    return Look(
        hits,
        terms(query.text),
        [terms(chunk.text) for chunk in chunks],
        [terms(chunk.header) for chunk in chunks],
        interaction.closeness(query, chunks),
        np.array(best, np.float64),
    )


def _sentences(chunk: Chunk) -> list[Span]:
    start = chunk.span.start
    return [Span(start + span.start, start + span.end) for span in sentences(chunk.text)]


# --- features: `(n,) float64`, one value a hit, higher where it is more of what the name says ---


def _prior(look: Look) -> Floats:
    """The blend of fusion and MaxSim that ranks without this stage; it alone is not drawn towards 0 by the fit."""
    return (1 - _PRIOR_WEIGHT) * look.fused + _PRIOR_WEIGHT * _scaled(look.maxsim)


def _keyword_rank(look: Look) -> Floats:
    ranks = [hit.stages["bm25"].rank if "bm25" in hit.stages else math.inf for hit in look.hits]
    return 1.0 / (_RANK_OFFSET + np.array(ranks, np.float64))


def _maxsim_rank(look: Look) -> Floats:
    ranks = np.empty(len(look.hits))
    ranks[np.argsort(-look.maxsim, kind="stable")] = np.arange(1, len(look.hits) + 1)
    return 1.0 / (_RANK_OFFSET + ranks)


def _dense(look: Look) -> Floats:
    """Cosine of the sentence vectors; a hit that the dense stage did not return counts as the last that it did."""
    found = [hit.stages["dense"].score for hit in look.hits if "dense" in hit.stages]
    lowest = min(found, default=0.0)
    return np.array([hit.stages["dense"].score if "dense" in hit.stages else lowest for hit in look.hits])


def _covered(look: Look) -> Floats:
    return np.array([coverage(look.idf, text) for text in look.texts])


def _header_covered(look: Look) -> Floats:
    return np.array([coverage(look.idf, frozenset(header)) for header in look.headers])


def _header_asked(look: Look) -> Floats:
    """Share of the header's terms that the question has."""
    return np.array([_share(frozenset(header), look.idf) for header in look.headers])


def _pairs(look: Look) -> Floats:
    """Share of the question's pairs of adjacent terms that are adjacent in the hit."""
    asked = frozenset(pairwise(look.question))
    return np.array([_share(asked, frozenset(pairwise(body))) for body in look.bodies])


def _window(look: Look) -> Floats:
    """Coverage of the best window of terms: a question's words together say more than far apart."""
    return np.array([_best_window(body, look.idf) for body in look.bodies])


def _length(look: Look) -> Floats:
    return np.array([math.log(max(len(body), _FEW_TERMS) / _USUAL_TERMS) for body in look.bodies])


def _numbers(look: Look) -> Floats:
    """Share of the question's terms with figures that the hit has."""
    asked = frozenset(term for term in look.question if any(char.isdigit() for char in term))
    return np.array([_share(asked, text) for text in look.texts])


def _neighbour(look: Look) -> Floats:
    """The best score of the hits that stand directly before or after in the document."""
    best = np.zeros(len(look.hits))
    for i, hit in enumerate(look.hits):
        for j, other in enumerate(look.hits):
            if i != j and _adjacent(hit.chunk, other.chunk):
                best[i] = max(best[i], look.fused[j])
    return best


def _opening(look: Look) -> Floats:
    """1 for the beginning of a document."""
    return np.array([float(hit.chunk.span.start == 0) for hit in look.hits])


def _rare(look: Look) -> Floats:
    """MaxSim in which a question token counts the more, the fewer hits come close to it."""
    rarity = 1 - look.closeness.mean(axis=1, dtype=np.float64)
    total = float(rarity.sum())
    weighted: Floats = rarity @ look.closeness.astype(np.float64)
    return weighted / total if total > 0 else look.maxsim


def _weak(look: Look) -> Floats:
    """How close the hit comes to the question's tokens that it is farthest from."""
    if not len(look.closeness):
        return np.zeros(len(look.hits))
    found: Floats = np.quantile(look.closeness.astype(np.float64), _WEAK, axis=0)
    return found


def _named(look: Look) -> Floats:
    """1 where one of the best hits, of another document, mentions this hit's title: the next step of a chain."""
    best = [(hit.chunk.doc_id, hit.chunk.text.lower()) for hit in look.hits[:_NAMING_HITS]]
    return np.array([float(_is_named(hit.chunk, best)) for hit in look.hits])


def _is_named(chunk: Chunk, texts: Sequence[tuple[str, str]]) -> bool:
    title = chunk.title.lower()
    return bool(title) and any(title in text for doc_id, text in texts if doc_id != chunk.doc_id)


def _scaled(values: Floats) -> Floats:
    return np.array(min_max(values.tolist()))


def _share(asked: frozenset[object], held: Mapping[str, float] | frozenset[object]) -> float:
    return sum(item in held for item in asked) / len(asked) if asked else 0.0


def _adjacent(one: Chunk, other: Chunk) -> bool:
    if one.doc_id != other.doc_id:
        return False
    gaps = (one.span.start - other.span.end, other.span.start - one.span.end)
    return any(0 <= gap <= _ADJACENT_CHARS for gap in gaps)


def _best_window(body: Sequence[str], idf: Mapping[str, float]) -> float:
    places = [i for i, term in enumerate(body) if term in idf]
    return max((coverage(idf, body[i : i + _WINDOW_TERMS]) for i in places), default=0.0)


FEATURES: dict[str, Callable[[Look], Floats]] = {
    "prior": _prior,
    "keyword_rank": _keyword_rank,
    "maxsim_rank": _maxsim_rank,
    "maxsim": lambda look: look.maxsim,
    "dense": _dense,
    "covered": _covered,
    "header_covered": _header_covered,
    "header_asked": _header_asked,
    "pairs": _pairs,
    "window": _window,
    "length": _length,
    "numbers": _numbers,
    "neighbour": _neighbour,
    "opening": _opening,
    "sentence": lambda look: look.sentence,
    "sentence_scaled": lambda look: _scaled(look.sentence),
    "rare": _rare,
    "weak": _weak,
    "named": _named,
}
"""By name; a new one needs a fit before the stage runs again."""
