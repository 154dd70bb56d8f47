"""Chunkers that look at the text alone: by tokens, by sentences, recursively."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ingest.chunkers.assemble import Assembler, Cut
from ingest.chunkers.measure import Model, Ruler, bodies, sentence_ranges
from rag.settings import ChunkerSettings
from rag.types import Chunk, Document, Span

Cutter = Callable[[Ruler, Span, int], Iterable[Span]]


def recursive(document: Document, model: Model, settings: ChunkerSettings) -> list[Chunk]:
    """Cut at paragraphs; those that are too long at sentences; those at words."""
    return _chunks(document, model, settings, lambda ruler, body, limit: ruler.split(body, limit))


def sentence(document: Document, model: Model, settings: ChunkerSettings) -> list[Chunk]:
    """Pack whole sentences, whatever paragraph they are in."""
    return _chunks(document, model, settings, _sentences)


def tokens(document: Document, model: Model, settings: ChunkerSettings) -> list[Chunk]:
    """Cut windows of words, as full as they may be."""
    return _chunks(document, model, settings, lambda ruler, body, limit: ruler.windows(body, limit))


def _sentences(ruler: Ruler, body: Span, limit: int) -> Iterator[Span]:
    parts = (small for part in ruler.parts(body, sentence_ranges) for small in ruler.split(part, limit, ()))
    return ruler.pack(parts, limit)


def _chunks(document: Document, model: Model, settings: ChunkerSettings, cut: Cutter) -> list[Chunk]:
    assembler = Assembler(document, model.tokenizer, settings)
    ruler = Ruler.of(document.text, model.tokenizer, assembler.tables)
    limit = assembler.shared_room() - settings.overlap_tokens
    cuts: list[Cut] = []
    for body in bodies(document):
        spans = list(cut(ruler, body, limit))
        cuts += (Cut(span) for span in with_overlap(spans, ruler, settings.overlap_tokens))
    return assembler.chunks(cuts)


def with_overlap(spans: Sequence[Span], ruler: Ruler, overlap: int) -> Iterator[Span]:
    """Yield the ranges, each but the first starting up to `overlap` tokens earlier, at a word."""
    previous: Span | None = None
    for span in spans:
        start = ruler.before(span.start, overlap, previous.start + 1) if previous and overlap else span.start
        yield Span(start, span.end)
        previous = span
