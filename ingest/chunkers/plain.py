"""Chunkers that look at the text alone: by tokens, by sentences, recursively."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ingest.chunkers.assemble import Assembler, Cut
from ingest.chunkers.measure import Ruler, Splitter, bodies, sentence_ranges, words
from rag.ports import Tokenizer
from rag.settings import ChunkerSettings
from rag.types import Chunk, Document, Span

Cutter = Callable[[Ruler, Span, int], Iterable[Span]]


def recursive(document: Document, tokenizer: Tokenizer, settings: ChunkerSettings) -> list[Chunk]:
    """Cut at paragraphs; those that are too long at sentences; those at words."""
    return _chunks(document, tokenizer, settings, lambda ruler, body, limit: ruler.split(body, limit))


def sentence(document: Document, tokenizer: Tokenizer, settings: ChunkerSettings) -> list[Chunk]:
    """Pack whole sentences, whatever paragraph they are in."""
    return _chunks(document, tokenizer, settings, _packed_by((sentence_ranges, words)))


def tokens(document: Document, tokenizer: Tokenizer, settings: ChunkerSettings) -> list[Chunk]:
    """Cut windows of words, as full as they may be."""
    return _chunks(document, tokenizer, settings, _packed_by((words,)))


def _packed_by(levels: Sequence[Splitter]) -> Cutter:
    def cut(ruler: Ruler, body: Span, limit: int) -> Iterator[Span]:
        parts = [small for part in ruler.parts(body, levels[0]) for small in ruler.split(part, limit, levels[1:])]
        return ruler.pack(parts, limit)

    return cut


def _chunks(document: Document, tokenizer: Tokenizer, settings: ChunkerSettings, cut: Cutter) -> list[Chunk]:
    assembler = Assembler(document, tokenizer, settings)
    ruler = Ruler.of(document.text, tokenizer)
    # Headings change inside a body, so every header gets the room that the longest of them needs.
    paths = {block.headings for block in document.blocks} | {()}
    room = min(assembler.room(path) for path in paths)
    cuts: list[Cut] = []
    for body in bodies(document):
        spans = list(cut(ruler, body, room - settings.overlap_tokens))
        cuts += (Cut(span) for span in with_overlap(spans, ruler, settings.overlap_tokens))
    return assembler.chunks(cuts)


def with_overlap(spans: Sequence[Span], ruler: Ruler, overlap: int) -> Iterator[Span]:
    """Yield the ranges, each but the first starting up to `overlap` tokens earlier, at a word."""
    previous: Span | None = None
    for span in spans:
        start = ruler.before(span.start, overlap, previous.start + 1) if previous and overlap else span.start
        yield Span(start, span.end)
        previous = span
