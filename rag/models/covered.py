"""How many of a question's terms stand together: in the best sentence or table row of a passage, below its headings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag.idf import coverage, local_idf
from rag.types import Chunk
from rag.units import units_of

Terms = Callable[[str], Sequence[str]]
"""Splits a text into the terms of the keyword index."""


def best_units(question: str, chunks: Sequence[Chunk], terms: Terms) -> list[float]:
    """Return, per chunk, the largest share of the question's terms that one unit of it holds (0..1).

    A term counts the more, the fewer of the chunks hold it. A unit is a sentence or a table row; it is read with the
    chunk's title and headings, and a row with the header of its table.
    """
    units = [_units(chunk, terms) for chunk in chunks]
    pool = [frozenset[str]().union(*found) for found in units]
    weights = local_idf(dict.fromkeys(terms(question)), pool)
    return [max((coverage(weights, unit) for unit in found), default=0.0) for found in units]


def _units(chunk: Chunk, terms: Terms) -> list[frozenset[str]]:
    """Return the terms of every unit, with those of what stands above it."""
    header = frozenset(terms(chunk.header))
    units = units_of(chunk.text)
    own = [frozenset(terms(chunk.text[unit.span.start : unit.span.end])) for unit in units]
    return [header.union(own[i], *(own[j] for j in unit.needs)) for i, unit in enumerate(units)]
