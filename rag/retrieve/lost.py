"""Tells a vector index that is lost from one that has nothing to find."""

from __future__ import annotations

from rag.errors import StateError
from rag.ports import Catalogue, Index
from rag.types import Generation


def refuse_lost(index: Index, generation: Generation, catalogue: Catalogue, whole: bool = False) -> None:
    """Return if the vector index holds what the catalogue says; with `whole` all of it, else any of it.

    Vectors beyond those of the catalogue hide nothing: `doctor` finds them.

    Raises:
        StateError: its folder or collection was lost.
    """
    held = index.vectors.count(generation.id)
    if held and not whole:
        return
    wanted = catalogue.chunk_count(generation)
    if held < wanted:
        found = f"{held} of {wanted} chunks" if held else f"none of {wanted} chunks"
        raise StateError(
            f"the vector index of {generation.corpus!r} was lost: it holds {found} of generation {generation.id};"
            " mend it with: ragwright doctor --repair"
        )
