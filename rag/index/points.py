"""What every vector index does alike: metadata as keywords, checks, order of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.conditions import Filter, OneOf
from rag.errors import StateError
from rag.ports import REMOVED_NEVER
from rag.types import Candidate, Metadata


def to_fields(fields: Metadata) -> list[str]:
    """Return metadata as sorted `key=value` keywords, one for each value of a list; keys hold no `=`."""
    keywords = {f"{key}={item}" for key, value in fields.items() for item in _values(value)}
    return sorted(keywords)


def keywords_of(condition: OneOf) -> list[str]:
    """Return the keywords of which a point must have one to satisfy the condition (none, if it is negated)."""
    return [f"{condition.field}={value}" for value in condition.values]


def is_impossible(filter: Filter) -> bool:
    """Say whether no point can satisfy the filter: what servers make of an empty list of values differs."""
    return any(not condition.values and not condition.negated for condition in filter)


def _values(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def marks_of(pk: int, payload: Mapping[str, Any] | None) -> tuple[int, int, int]:
    """Return `(pk, added, removed)` of a stored point; one without the first was added by no generation."""
    found = payload or {}
    return pk, int(found.get("added", REMOVED_NEVER)), int(found.get("removed", REMOVED_NEVER))


def check_dim(vector: NDArray[np.float32], dim: int) -> None:
    """Refuse a vector of another shape than `(dim,)`.

    Raises:
        StateError: its shape differs.
    """
    if vector.shape != (dim,):
        raise StateError(
            f"the vector index holds vectors of {dim} numbers, got shape {vector.shape};"
            " use the embedder it was built with or ingest the corpus again"
        )


def ordered(scored: Iterable[tuple[int, float]]) -> list[Candidate]:
    """Return candidates by falling score, equal scores by pk."""
    return [Candidate(pk, score) for pk, score in sorted(scored, key=lambda item: (-item[1], item[0]))]
