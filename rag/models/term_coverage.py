"""How many of a question's terms stand together: in the best sentence or table row of a passage, below its headings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

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
    def size(self) -> int:
        """How many terms its units have."""
        return sum(map(len, self.units))

    def body(self) -> Iterator[str]:
        """Yield the terms of all units, in order."""
        return chain.from_iterable(self.units)

    def all(self) -> Iterator[str]:
        """Yield every term of the chunk, its header's first."""
        return chain(self.header, self.body())

    def together(self, asked: frozenset[str]) -> set[frozenset[str]]:
        """Return which of the terms asked for stand together: in a unit and what is above it, each set once."""
        header, own = asked.intersection(self.header), [asked.intersection(unit) for unit in self.units]
        return {header.union(own[i], *(own[j] for j in needs)) for i, needs in enumerate(self.needs)}


def terms_of(chunk: Chunk, terms: Terms) -> ChunkTerms:
    """Split a chunk into the terms of its header and of its units."""
    units = units_of(chunk.text, chunk.span.start, chunk.tables)
    return ChunkTerms(
        tuple(terms(chunk.header)),
        tuple(tuple(terms(chunk.text[unit.span.start : unit.span.end])) for unit in units),
        tuple(unit.needs for unit in units),
    )


def best_units(weights: Mapping[str, float], chunks: Sequence[ChunkTerms]) -> list[float]:
    """Return, per chunk, the largest weighted share of the question's terms that one unit of it holds (0..1)."""
    asked = frozenset(weights)
    return [max((coverage(weights, held) for held in chunk.together(asked)), default=0.0) for chunk in chunks]


def term_weights(question: str, chunks: Sequence[ChunkTerms], terms: Terms) -> dict[str, float]:
    """Return the weight of each of the question's terms: the more, the fewer of the chunks hold it."""
    asked = frozenset(terms(question))
    return local_idf(sorted(asked), [asked.intersection(chunk.all()) for chunk in chunks])
