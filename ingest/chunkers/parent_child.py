"""The parent-child chunker: small chunks are searched, the larger range around one is what the context shows."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from itertools import takewhile

from ingest.chunkers.assemble import Assembler, Cut
from ingest.chunkers.by_title import title_joins
from ingest.chunkers.measure import Model, Ruler
from ingest.chunkers.packing import Packer
from ingest.chunkers.sections import Section, body_blocks, grouped, sections
from rag.settings import ChunkerSettings
from rag.types import Block, Chunk, Document, Span


def parent_child(document: Document, model: Model, settings: ChunkerSettings) -> list[Chunk]:
    """Cut sections into parents of up to `parent_tokens`, and each parent into children of up to `max_tokens`.

    Parents never overlap; a child that is all of its parent has none.
    """
    child = Assembler(document, model.tokenizer, settings)
    # A parent is shown, not embedded: it has no header and may be larger than the embedder's window.
    large = {"max_tokens": settings.parent_tokens, "overlap_tokens": 0, "header": False}
    parent = Assembler(document, model.tokenizer, settings.model_copy(update=large), child.tables)
    ruler = Ruler.of(document.text, model.tokenizer, child.tables)
    cuts: list[Cut] = []
    for group in grouped(sections(body_blocks(document)), title_joins(ruler, parent)):
        for whole in Packer(ruler, parent, group, 0).cuts():
            inside = _clipped(group, whole.span)
            for cut in Packer(ruler, child, inside, settings.overlap_tokens).cuts():
                cuts.append(replace(cut, parent=whole.span if cut.span != whole.span else None))
    return child.chunks(cuts)


def _clipped(group: Section, span: Span) -> list[Block]:
    """Return the blocks of a group as far as they lie in a range."""
    # Not all blocks are looked at: a section may have a hundred thousand, and as many parents.
    first = bisect_right(group, span.start, key=lambda block: block.span.end)
    touched = takewhile(lambda block: block.span.start < span.end, (group[i] for i in range(first, len(group))))
    return [
        replace(block, span=Span(max(block.span.start, span.start), min(block.span.end, span.end))) for block in touched
    ]
