"""Where a range of the clean text stands on the pages of its document; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from rag.types import Block, Box


def boxes_of(blocks: Sequence[Block], start: int, end: int) -> tuple[Box, ...]:
    """Return the boxes that hold a character of `[start, end)`, in reading order; none where there are no pages.

    `blocks` are in the order of the text and do not overlap.
    """
    first = bisect_right(blocks, start, key=lambda block: block.span.end)
    found: list[Box] = []
    for block in blocks[first:]:
        if block.span.start >= end:
            break
        found += (box for box in block.boxes if box.start < end and start < box.end)
    return tuple(found)
