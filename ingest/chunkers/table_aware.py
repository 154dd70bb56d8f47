"""The table-aware chunker: tables stand alone and break between rows; the text around them is cut recursively."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.chunkers.assemble import Assembler, Cut
from ingest.chunkers.measure import Model, Ruler
from ingest.chunkers.packing import Packer
from ingest.chunkers.plain import with_overlap
from ingest.partition.layout import fill_gaps
from rag.settings import ChunkerSettings
from rag.types import NOT_CHUNKED, Block, Chunk, Document, Span


@dataclass(frozen=True, slots=True)
class _Part:
    """A table with the headings right above it, or a run of everything else."""

    blocks: list[Block]

    @property
    def span(self) -> Span:
        return Span(self.blocks[0].span.start, self.blocks[-1].span.end)

    @property
    def is_table(self) -> bool:
        return self.blocks[-1].kind == "table"


def table_aware(document: Document, model: Model, settings: ChunkerSettings) -> list[Chunk]:
    """Keep tables apart from prose, unless all of both fits a chunk; rows below a head carry it in their header.

    A row is cut only where it alone is longer than a chunk.
    """
    assembler = Assembler(document, model.tokenizer, settings)
    ruler = Ruler.of(document.text, model.tokenizer, assembler.tables)
    overlap = settings.overlap_tokens
    limit = assembler.shared_room() - overlap
    cuts: list[Cut] = []
    for together in _joined(_parts(document), ruler, limit):
        whole = Span(together[0].span.start, together[-1].span.end)
        if ruler.fits(whole, limit):
            cuts.append(Cut(whole))
        elif together[0].is_table:
            cuts += Packer(ruler, assembler, together[0].blocks, 0).cuts()
        else:
            cuts += (Cut(span) for span in with_overlap(list(ruler.split(whole, limit)), ruler, overlap))
    return assembler.chunks(cuts)


def _parts(document: Document) -> Iterator[_Part]:
    run: list[Block] = []
    for block in fill_gaps(document.text, document.blocks):
        if block.kind == "table":
            headings = _trailing_headings(run)
            prose = run[: len(run) - headings]
            if prose:
                yield _Part(prose)
            yield _Part([*run[len(prose) :], block])
            run = []
        elif block.kind in NOT_CHUNKED:
            if run:
                yield _Part(run)
            run = []
        else:
            run.append(block)
    if run:
        yield _Part(run)


def _trailing_headings(run: list[Block]) -> int:
    count = 0
    while count < len(run) and run[-1 - count].kind == "heading":
        count += 1
    return count


def _joined(parts: Iterator[_Part], ruler: Ruler, limit: int) -> Iterator[list[_Part]]:
    """Yield parts, as many in a row as fit a chunk whole."""
    current: list[_Part] = []
    for part in parts:
        if current and not ruler.fits(Span(current[0].span.start, part.span.end), limit):
            yield current
            current = []
        current.append(part)
    if current:
        yield current
