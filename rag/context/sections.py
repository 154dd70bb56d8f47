"""The headings of every section in a passage, told by the blocks of its document; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from rag.types import Block, Passage, Section, Span


def sectioned(passage: Passage, blocks: Sequence[Block]) -> Passage:
    """Return the passage with the sections that its document's blocks make of its ranges.

    A chunk of several small sections knows only the part of the heading path that they share.
    """
    starts = [block.span.start for block in blocks]
    sections = tuple(section for span in passage.spans for section in _within(span, blocks, starts))
    return replace(passage, sections=sections) if sections else passage


def _within(span: Span, blocks: Sequence[Block], starts: Sequence[int]) -> list[Section]:
    first = max(0, bisect_right(starts, span.start) - 1)
    found = (block for block in blocks[first : bisect_right(starts, span.end - 1)] if block.span.overlaps(span))
    return [Section(block.span, block.headings, block.kind == "heading") for block in found]
