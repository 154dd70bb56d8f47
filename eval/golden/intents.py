"""What people ask about, as clusters of real questions, and which of them no case of a set is near."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.golden import Case
from rag.types import Vectors

SIMILARITY = 0.5
"""Mean cosine similarity from which questions are one intent, measured with the default model."""

_MOST_CLUSTERED = 3000  # a distance matrix of so many is 36 MB
_EXAMPLES = 5

Embed = Callable[[Sequence[str]], Vectors]
"""Returns a `(n, d) float32` matrix of L2-normalised rows."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A cluster of questions: how often it was `asked` (repeats count), its most central questions, its nearest case.

    `similarity` (-1..1) is the mean cosine similarity between that case and the cluster's questions.
    """

    asked: int
    questions: int
    examples: tuple[str, ...]
    nearest: str
    similarity: float
    covered: bool


def intents(
    questions: Sequence[str], cases: Sequence[Case], embed: Embed, *, similarity: float = SIMILARITY, seed: int = 0
) -> list[Intent]:
    """Cluster real questions and find the case nearest to each cluster; the most asked cluster comes first.

    Average linkage on cosine distances (scipy) joins clusters while their questions' mean similarity is at least
    `similarity`; a case is near a cluster by the same rule. Of more than 3,000 distinct questions a sample drawn by
    `seed` is clustered, and each of the others joins the cluster it is nearest to.
    """
    counts = Counter(questions)
    distinct = sorted(counts)
    if not distinct:
        return []
    vectors = embed(distinct).astype(np.float64)
    labels = _labels(vectors, similarity, random.Random(seed))
    asked = embed([case.question for case in cases]).astype(np.float64)
    found = []
    for label in range(labels.max() + 1):
        members = np.flatnonzero(labels == label)
        middle = vectors[members].mean(axis=0)
        near = asked @ middle
        best = int(near.argmax())
        # ties of equally central questions go by the alphabet
        central = members[np.lexsort((members, -(vectors[members] @ middle)))]
        found.append(
            Intent(
                asked=sum(counts[distinct[i]] for i in members),
                questions=len(members),
                examples=tuple(distinct[i] for i in central[:_EXAMPLES]),
                nearest=cases[best].id,
                similarity=float(near[best]),
                covered=bool(near[best] >= similarity),
            )
        )
    return sorted(found, key=lambda intent: (-intent.asked, intent.examples))


def _labels(vectors: NDArray[np.float64], similarity: float, rng: random.Random) -> NDArray[np.int64]:
    """Return the cluster of every row, from 0."""
    from scipy.cluster.hierarchy import fcluster, linkage

    rows = range(len(vectors))
    chosen = np.array(sorted(rng.sample(rows, _MOST_CLUSTERED)) if len(vectors) > _MOST_CLUSTERED else list(rows))
    if len(chosen) == 1:
        return np.zeros(1, np.int64)
    tree = linkage(vectors[chosen], method="average", metric="cosine")
    found = fcluster(tree, t=1.0 - similarity, criterion="distance").astype(np.int64) - 1
    if len(chosen) == len(vectors):
        return found
    middles = np.stack([vectors[chosen[found == label]].mean(axis=0) for label in range(found.max() + 1)])
    labels: NDArray[np.int64] = (vectors @ middles.T).argmax(axis=1)
    labels[chosen] = found
    return labels
