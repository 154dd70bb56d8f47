"""Cuts a passage into pieces that are cited, gold, both or neither, so that a page can highlight them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

GAP = " … "
"""What stands in a passage's text between spans that are not adjacent."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of characters with the same marks."""

    text: str
    cited: bool = False
    gold: bool = False


def mark_passage(
    passage: dict[str, Any], cited: Iterable[tuple[int, int]], gold: Iterable[tuple[int, int]]
) -> list[Piece]:
    """Return a passage's text in pieces; ranges are in the document's offsets.

    A text that does not follow from its spans comes back as one unmarked piece.
    """
    cited, gold = list(cited), list(gold)
    pieces: list[Piece] = []
    position, before = 0, None
    for start, end in passage["spans"]:
        if before is not None and before != start:
            pieces.append(Piece(GAP))
            position += len(GAP)
        text = passage["text"][position : position + end - start]
        pieces.extend(_split(text, start, end, cited, gold))
        position, before = position + end - start, end
    return pieces if position == len(passage["text"]) else [Piece(passage["text"])]


def _split(
    text: str, start: int, end: int, cited: Sequence[tuple[int, int]], gold: Sequence[tuple[int, int]]
) -> Iterable[Piece]:
    cuts = {start, end} | {edge for marked in (*cited, *gold) for edge in marked if start < edge < end}
    edges = sorted(cuts)
    for left, right in zip(edges, edges[1:], strict=False):
        yield Piece(text[left - start : right - start], _inside(left, cited), _inside(left, gold))


def _inside(position: int, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(start <= position < end for start, end in ranges)
