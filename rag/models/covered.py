"""How many of a question's terms stand together: in the best sentence or table row of a passage, below its headings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rag.idf import coverage, local_idf
from rag.types import Chunk
from rag.units import units_of

Terms = Callable[[str], Sequence[str]]
"""Splits a text into the terms of the keyword index."""


@dataclass(frozen=True, slots=True)
class ChunkTerms:
    """The terms of a chunk, in order: those of its title and headings, and those of each sentence or table row.

    `needs` are, per unit, the units that are read with it: a row's header.
    """

    header: tuple[str, ...]
    units: tuple[tuple[str, ...], ...]
    needs: tuple[tuple[int, ...], ...]

    @property
    def body(self) -> list[str]:
        """The terms of all units, in order."""
        return [term for unit in self.units for term in unit]

    @property
    def all(self) -> frozenset[str]:
        """Every term of the chunk, its header's included."""
        return frozenset(self.header).union(*self.units)

    def together(self) -> list[frozenset[str]]:
        """Return, per unit, its terms with those of what stands above it."""
        header, own = frozenset(self.header), [frozenset(unit) for unit in self.units]
        return [header.union(own[i], *(own[j] for j in needs)) for i, needs in enumerate(self.needs)]


def terms_of(chunk: Chunk, terms: Terms) -> ChunkTerms:
    """Split a chunk into the terms of its header and of its units."""
    units = units_of(chunk.text)
    return ChunkTerms(
        tuple(terms(chunk.header)),
        tuple(tuple(terms(chunk.text[unit.span.start : unit.span.end])) for unit in units),
        tuple(unit.needs for unit in units),
    )


def best_units(weights: Mapping[str, float], chunks: Sequence[ChunkTerms]) -> list[float]:
    """Return, per chunk, the largest weighted share of the question's terms that one unit of it holds (0..1)."""
    return [max((coverage(weights, unit) for unit in chunk.together()), default=0.0) for chunk in chunks]


def term_weights(question: str, chunks: Sequence[ChunkTerms], terms: Terms) -> dict[str, float]:
    """Return the weight of each of the question's terms: the more, the fewer of the chunks hold it."""
    return local_idf(dict.fromkeys(terms(question)), [chunk.all for chunk in chunks])
