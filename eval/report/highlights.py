"""Cuts a text into pieces that are cited, gold, retrieved, or none of these, so that a page can highlight them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.shapes.rows import RowPassageJson

GAP = " … "
"""What stands in a passage's text between spans that are not adjacent."""

Ranges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of characters with the same marks."""

    text: str
    cited: bool = False
    gold: bool = False
    retrieved: bool = False

    @property
    def kinds(self) -> str:
        """The marks as words, for a style sheet."""
        return " ".join(name for name in ("cited", "gold", "retrieved") if getattr(self, name))


def mark_text(text: str, start: int, cited: Ranges, gold: Ranges, retrieved: Ranges = ()) -> list[Piece]:
    """Return a text that begins at `start` of its document in pieces; ranges are in the document's offsets."""
    end = start + len(text)
    cuts = {start, end} | {edge for marked in (*cited, *gold, *retrieved) for edge in marked if start < edge < end}
    edges = sorted(cuts)
    return [
        Piece(text[left - start : right - start], _inside(left, cited), _inside(left, gold), _inside(left, retrieved))
        for left, right in zip(edges, edges[1:], strict=False)
    ]


def mark_passage(
    passage: RowPassageJson, cited: Iterable[tuple[int, int]], gold: Iterable[tuple[int, int]]
) -> list[Piece]:
    """Return a passage's text in pieces; ranges are in the document's offsets.

    A text that does not follow from its spans comes back as one unmarked piece.
    """
    cited, gold = list(cited), list(gold)
    pieces: list[Piece] = []
    position, before = 0, None
    for start, end in passage.spans:
        if before is not None and before != start:
            pieces.append(Piece(GAP))
            position += len(GAP)
        pieces.extend(mark_text(passage.text[position : position + end - start], start, cited, gold))
        position, before = position + end - start, end
    return pieces if position == len(passage.text) else [Piece(passage.text)]


def _inside(position: int, ranges: Ranges) -> bool:
    return any(start <= position < end for start, end in ranges)
