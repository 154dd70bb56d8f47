"""Tells a vector index that is lost from one that has nothing to find."""

from __future__ import annotations

from rag.errors import StateError
from rag.ports import Catalogue, Index
from rag.types import Generation


def refuse_lost(index: Index, generation: Generation, catalogue: Catalogue) -> None:
    """Return if the vector index holds any vector of a generation that has chunks.

    Raises:
        StateError: its folder or collection was lost.
    """
    if not index.vectors.count(generation.id):
        refuse_incomplete(index, generation, catalogue)


def refuse_incomplete(index: Index, generation: Generation, catalogue: Catalogue) -> None:
    """Return if the vector index holds all that the catalogue says.

    Vectors beyond those of the catalogue hide nothing: `doctor` finds them.

    Raises:
        StateError: vectors are missing.
    """
    held = index.vectors.count(generation.id)
    wanted = catalogue.chunk_count(generation)
    if held < wanted:
        found = f"{held} of {wanted} chunks" if held else f"none of {wanted} chunks"
        raise StateError(
            f"the vector index of {generation.corpus!r} was lost: it holds {found} of generation {generation.id};"
            " mend it with: ragwright doctor --repair"
        )
